"""The node that is examined: where things are, and each of them looked at once for all checks."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from conf.addresses import BUILT_IN, HOST_LOCAL, STATIC, IpamConfig
from conf.document import read_document
from conf.environment import Environment
from conf.errors import CniError, InvalidSettings
from conf.ipam import read_ipam
from conf.settings import DEFAULT_PATH, Settings
from conf.strict import read_ipam_request, read_request
from ipam.ranges import range_sets
from ipam.store.view import SqliteView, files_held
from plugin.agent.client import DEFAULT_SOCKET
from plugin.agent.probe import probe
from plugin.link import macvlan
from plugin.link.netlink import Netlink
from plugin.node import boot_id, read_settings
from plugin.survey.children import children
from plugin.survey.namespaces import namespaces
from plugin.survey.networks import files

if TYPE_CHECKING:
    from netaddr import IPAddress

    from conf.network import LinkConfig
    from conf.request import Request
    from ipam.lease import Attachment, Owner
    from ipam.ranges import RangeSet
    from plugin.agent.probe import Heard
    from plugin.link.answers import Link, LinkAddress
    from plugin.survey.children import Child
    from plugin.survey.namespaces import Inhabited
    from plugin.survey.networks import File, Told

PROGRAM = "cni-macvlan-py"
ROLES = (PROGRAM, "macvlan", "host-local", "static")


@dataclass(frozen=True)
class Places:
    """Where a node has its things."""

    conf_dir: str = "/etc/cni/net.d"
    bin_dir: str = "/opt/cni/bin"
    app_dir: str = "/opt/cni-macvlan-py"
    settings: str = DEFAULT_PATH
    socket: str = os.fsdecode(DEFAULT_SOCKET)
    data_dir: str = IpamConfig.data_dir
    units: str = "/etc/systemd/system:/usr/lib/systemd/system"
    sysfs: str = "/sys"


@dataclass(frozen=True)
class Network:
    """A valid configuration, ``ours`` or of another plugin that has host-local give addresses.

    ``ipam`` is None where an executable of another has to be asked, or nobody.
    """

    told: Told
    request: Request
    ours: bool
    ipam: IpamConfig | None = None
    ranges: tuple[RangeSet, ...] = ()

    @property
    def data_dir(self) -> str:
        """The host-local directory of its leases, "" where they are in the database."""
        return self.ipam.data_dir if self.ipam and self.ipam.type == HOST_LOCAL else ""

    def gives(self, address: IPAddress) -> bool:
        """Whether its ranges give the address."""
        return any(each.gives(address) for each in self.ranges)


@dataclass(frozen=True)
class Holding:
    """A recorded attachment and the addresses that it holds."""

    attachment: Attachment
    addresses: tuple[IPAddress, ...]

    @property
    def is_void(self) -> bool:
        """Whether it was recorded before the node's last start."""
        return self.attachment.boot_id != boot_id()


class Patient:
    """Everything here is read when it is first asked for, and kept."""

    def __init__(self, places: Places) -> None:
        self.places = places

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
    def files(self) -> list[File]:
        """The network configurations; none where their directory cannot be read."""
        try:
            return files(self.places.conf_dir)
        except OSError:
            return []

    @cached_property
    def plugins(self) -> list[Told]:
        """Every plugin that a configuration names."""
        return [told for file in self.files for told in file.plugins]

    @cached_property
    def our_chains(self) -> list[Told]:
        """Those that stand in one chain with ours."""
        return [told for file in self.files if any(map(self.is_ours, file.plugins)) for told in file.plugins]

    @cached_property
    def networks(self) -> list[Network]:
        """Every configuration that was understood."""
        found = []
        for told in self.plugins:
            try:
                found += [self.understood(told)] if self.is_ours(told) or told.ipam_type == HOST_LOCAL else []
            except CniError:  # which the check of configurations tells
                continue
        return found

    @property
    def our_networks(self) -> list[Network]:
        """Those that make macvlan interfaces by this plugin."""
        return [network for network in self.networks if network.ours]

    def is_ours(self, told: Told) -> bool:
        """Whether this plugin would be called for it."""
        return told.type == PROGRAM or home_of(self.executable(told.type)) != ""

    def executable(self, name: str) -> str:
        """The plugin's file in the first directory that has it, as a runtime looks for it, else where it should be."""
        paths = [os.path.join(directory, name) for directory in self.places.bin_dir.split(":")]
        return next((path for path in paths if os.path.lexists(path)), paths[0])

    def understood(self, told: Told) -> Network:
        """Judge a configuration as ADD would. Raises CniError."""
        document = read_document(told.stdin(), "ADD")
        environment = Environment("ADD", "doctor", "/proc/self/ns/net", "eth0")
        ours = self.is_ours(told)
        request = (read_request if ours else read_ipam_request)(environment, document)
        if request.ipam_type not in BUILT_IN:
            return Network(told, request, ours)
        ipam = read_ipam(request)
        return Network(told, request, ours, ipam, () if ipam.type == STATIC else range_sets(ipam.ranges))

    @cache  # noqa: B019 - one patient is all that a process examines
    def master(self, wanted: LinkConfig) -> Link:
        """The master that a configuration means. Raises CniError where ADD would."""
        with Netlink() as netlink:
            return macvlan.find_master(netlink, wanted, "on this node")

    @property
    def database(self) -> SqliteView:
        """The lease database, to be looked at."""
        return SqliteView(self.settings.state_dir, boot_id())

    @cached_property
    def holdings(self) -> list[Holding]:
        """Every attachment that is recorded with what it holds; none where the records cannot be read."""
        try:
            recorded = self.database.holdings()
        except CniError:  # which the check of the store tells
            return []
        return [
            Holding(each, tuple(self.held_in(each.ipam_dir).get(each.owner, ())) if each.ipam_dir else held)
            for each, held in recorded
        ]

    @cache  # noqa: B019 - as above
    def held_in(self, data_dir: str) -> dict[Owner, list[IPAddress]]:
        """The leases in one of host-local's directories, of every network. Raises StoreFailure."""
        held: defaultdict[Owner, list[IPAddress]] = defaultdict(list)
        for address, owner, _ in files_held(data_dir):
            held[owner].append(address)
        return held

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


def home_of(executable: str) -> str:
    """The directory of the release or checkout that an executable belongs to; "" if it is none of ours."""
    home = os.path.dirname(os.path.realpath(executable))
    is_ours = os.path.exists(executable) and os.path.exists(os.path.join(home, "plugin", "door.py"))
    return home if is_ours else ""
