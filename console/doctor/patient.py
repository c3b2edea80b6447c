"""The node that is examined: where things are, and each of them looked at once for all checks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from agent.probe import probe
from conf.errors import CniError, InvalidSettings, IoFailure
from conf.ipam_config import IpamConfig
from conf.settings import DEFAULT_PATH, Settings
from console.configs.networks import CONF_DIR, Network, networks_in
from console.lint.judge import judge
from console.survey.children import children
from console.survey.holdings import holdings_of
from console.survey.namespaces import namespaces
from ipam.store.view import SqliteView
from link import macvlan
from link.netlink import Netlink
from plugin.client import DEFAULT_SOCKET
from plugin.node import boot_id, read_settings
from plugin.release import BIN_DIRS, PROGRAM, is_ours

if TYPE_CHECKING:
    from agent.probe import Heard
    from conf.link_config import LinkConfig
    from console.configs.meaning import Understood
    from console.configs.networks import Plugin, Unreadable
    from console.lint.judge import Verdict
    from console.survey.children import Child
    from console.survey.holdings import Holding
    from console.survey.namespaces import Inhabited
    from ipam.lease import Attachment
    from link.answers import Link, LinkAddress


@dataclass(frozen=True)
class Places:
    """Where a node has its things."""

    conf_dir: str = CONF_DIR
    bin_dir: str = BIN_DIRS
    app_dir: str = "/opt/cni-macvlan-py"
    settings: str = DEFAULT_PATH
    socket: str = os.fsdecode(DEFAULT_SOCKET)
    data_dir: str = IpamConfig.data_dir
    units: str = "/etc/systemd/system:/usr/lib/systemd/system"
    sysfs: str = "/sys"
    podman: str = "podman"
    containers_conf: str = "/usr/share/containers/containers.conf:/etc/containers/containers.conf"
    containers_storage: str = "/var/lib/containers/storage"


class Patient:
    """Everything here is read when it is first asked for, and kept."""

    def __init__(self, places: Places, *, may_ask: bool = True) -> None:
        self.places = places
        self.may_ask = may_ask

    @cached_property
    def settings(self) -> Settings:
        """The node's settings; the defaults where the file is wrong."""
        try:
            return read_settings({"CNI_MACVLAN_SETTINGS": self.places.settings})
        except InvalidSettings:
            return Settings()

    @cached_property
    def links(self) -> list[Link]:
        """The devices of the node itself."""
        with Netlink() as netlink:
            return netlink.links()

    @cached_property
    def addresses(self) -> list[LinkAddress]:
        """The addresses of the node itself."""
        with Netlink() as netlink:
            return [address for link in self.links for address in netlink.addresses(link.index)]

    @cached_property
    def configured(self) -> list[Network | Unreadable]:
        """The network configurations; none where their directory cannot be read."""
        try:
            return networks_in(self.places.conf_dir)
        except IoFailure:  # which the check of the directory tells
            return []

    @cached_property
    def chains(self) -> list[list[Plugin]]:
        """The plugins of each network, in the order in which they are called."""
        return [list(network.plugins()) for network in self.configured if isinstance(network, Network)]

    @property
    def plugins(self) -> list[Plugin]:
        """All of them."""
        return [plugin for chain in self.chains for plugin in chain]

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What lint says to every plugin."""
        return [judge(plugin, is_main=self.is_ours(plugin)) for plugin in self.plugins]

    @property
    def networks(self) -> list[Understood]:
        """Every valid configuration, of ours or of another plugin that has us or host-local give addresses."""
        return [verdict.valid for verdict in self.verdicts if verdict.valid]

    @property
    def our_verdicts(self) -> list[Verdict]:
        """What lint says to those that make macvlan interfaces by this plugin, as far as they are valid."""
        return [verdict for verdict in self.verdicts if verdict.valid and verdict.valid.is_main]

    @property
    def our_networks(self) -> list[Understood]:
        """Those that make macvlan interfaces by this plugin."""
        return [network for network in self.networks if network.is_main]

    @property
    def given_by_us(self) -> list[Understood]:
        """Those whose addresses this plugin gives, also to interfaces of other plugins."""
        return [each for each in self.networks if each.is_main or is_ours(self.executable(each.plugin.ipam_type))]

    def is_ours(self, plugin: Plugin) -> bool:
        """Whether this plugin would be called for it."""
        return plugin.type == PROGRAM or is_ours(self.executable(plugin.type))

    @property
    def bin_dirs(self) -> list[str]:
        """The directories of CNI_PATH."""
        return list(filter(None, self.places.bin_dir.split(":"))) or [os.curdir]

    def executable(self, name: str) -> str:
        """The plugin's file in the first directory that has it, as a runtime looks for it, else where it should be."""
        paths = [os.path.join(directory, name) for directory in self.bin_dirs]
        return next((path for path in paths if os.path.lexists(path)), paths[0])

    @cache  # noqa: B019 - one patient is all that a process examines
    def master(self, wanted: LinkConfig) -> Link:
        """The master that a configuration means. Raises CniError where ADD would."""
        with Netlink() as netlink:
            return macvlan.find_master(netlink, wanted)

    @property
    def database_path(self) -> str:
        """Where the lease database is, or will be."""
        return os.path.join(self.settings.state_dir, "leases.db")

    @property
    def database_files(self) -> list[str]:
        """The database's files that there are; SQLite makes and removes the others."""
        files = [self.database_path + suffix for suffix in ("", "-wal", "-shm")]
        return [file for file in files if os.path.exists(file)]

    @property
    def database(self) -> SqliteView:
        """The lease database, to be looked at."""
        return SqliteView(self.settings.state_dir, boot_id())

    @cached_property
    def holdings(self) -> list[Holding]:
        """Everything that is held, as far as the database can be read. Raises StoreFailure for a directory."""
        try:
            recorded = self.database.holdings()
        except CniError:  # which the check of the store tells
            recorded = []
        return holdings_of(recorded, {self.places.data_dir, *(network.data_dir for network in self.networks)})

    @property
    def records(self) -> list[Attachment]:
        """Every attachment that is recorded."""
        return [each.attachment for each in self.holdings if each.attachment]

    @cached_property
    def agent(self) -> Heard:
        """Who is at the agent's socket."""
        return probe(self.places.socket)

    @cached_property
    def namespaces(self) -> list[Inhabited]:
        """Every other network namespace."""
        return namespaces()

    @cached_property
    def children(self) -> list[Child]:
        """Every macvlan interface in them."""
        return [child for found in children(self.namespaces) for child in found]
