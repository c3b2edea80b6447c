"""What of a configuration this node lacks, or has otherwise than meant: the plugins' files, a daemon, the master."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from conf.errors import CniError, IpamPluginMissing
from conf.ipam_config import BUILT_IN
from console.lint.finding import ERROR, Finding, at, doubtful, place, refused
from console.survey import dhcp
from ipam.resolve import find_in_path
from link import macvlan
from link.netlink import Netlink
from plugin.release import PROGRAM, ROLES, is_ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netaddr import IPNetwork

    from conf.link_config import LinkConfig
    from console.configs.meaning import Understood
    from console.configs.networks import Plugin
    from console.lint.judge import Verdict

MAIN_ROLE: Final = "macvlan"
OURS: Final = (PROGRAM, *ROLES)


def lacking(verdict: Verdict, directories: Sequence[str], *, is_main: bool) -> Iterator[Finding]:
    """All of the below for a plugin that was judged; ``directories`` are those of CNI_PATH."""
    yield from missing(verdict.plugin, directories, is_main=is_main)
    yield from foreign(verdict.plugin, directories)
    yield from daemon(verdict.plugin, directories)
    yield from unusable(verdict)
    yield from off_lan(verdict)


def missing(plugin: Plugin, directories: Sequence[str], *, is_main: bool) -> Iterator[Finding]:
    """Executables that the configuration names and a runtime, or we, would not find or could not execute."""
    for key, name in (("type", plugin.type), ("ipam.type", plugin.ipam_type)):
        # Addresses of our own kinds are given without another process.
        served = key == "ipam.type" and is_main and name in BUILT_IN
        trouble = "" if served or not name else _trouble(name, directories)
        if trouble:
            code = IpamPluginMissing.code if key == "ipam.type" else None
            yield at(plugin.network, place(plugin, key), ERROR, trouble, code)


def foreign(plugin: Plugin, directories: Sequence[str]) -> Iterator[Finding]:
    """A main plugin of our other name that is somebody else's executable."""
    path = _found(plugin.type, directories)
    if plugin.type == MAIN_ROLE and path and not is_ours(path):
        text = (
            f'{path} is not of this program, and serves network "{plugin.name}" instead; '
            f'write "type": "{PROGRAM}", or make install CNI_BIN_DIR={os.path.dirname(path)} LINKS={MAIN_ROLE} FORCE=1'
        )
        yield doubtful(plugin, "type", text)


def daemon(plugin: Plugin, directories: Sequence[str]) -> Iterator[Finding]:
    """Whether the daemon of the IPAM plugin ``dhcp`` is there, without which each of its calls fails."""
    executable = _found(plugin.ipam_type, directories) if plugin.ipam_type == dhcp.NAME else ""
    socket = dhcp.socket_of(plugin.ipam)
    if executable and (trouble := dhcp.trouble(socket)):
        text = f"its daemon does not listen at {socket} ({trouble}): no ADD succeeds"
        cure = f"rm -f {socket}; {executable} daemon, as a service of the node"
        yield at(plugin.network, place(plugin, "ipam.type"), ERROR, f"{text}; {cure}")


def unusable(verdict: Verdict) -> Iterator[Finding]:
    """What ADD would say of the master."""
    meaning = verdict.meaning
    if meaning is None or not meaning.is_main or meaning.request.link.link_in_container:
        return
    try:
        with Netlink() as netlink:
            macvlan.find_master(netlink, meaning.request.link)
    except CniError as error:
        yield refused(verdict.plugin, error, error.key or "master")


def off_lan(verdict: Verdict) -> Iterator[Finding]:
    """Subnets that are none of the master's, as far as the node has addresses on it."""
    meaning = verdict.meaning
    if meaning is None or not meaning.is_main or meaning.request.link.link_in_container:
        return
    try:
        with Netlink() as netlink:
            master = macvlan.find_master(netlink, meaning.request.link)
            found = [each.address for each in netlink.addresses(master.index)]
    except CniError:  # which the look at the master tells
        return
    lans = [each.cidr for each in found if each.size > 1 and not each.ip.is_link_local()]
    for subnet, key in _subnets(meaning):
        known = [each for each in lans if each.version == subnet.version]
        if known and subnet not in known:
            text = _other_network(subnet, known, master.name)
            yield doubtful(verdict.plugin, key, text)


def wire(link: LinkConfig) -> str:
    """The name of the interface by which a link is on its LAN; what the configuration says where there is none."""
    try:
        with Netlink() as netlink:
            return macvlan.find_master(netlink, link).name
    except CniError:  # which the look at the master tells
        return link.master


def _other_network(subnet: IPNetwork, known: list[IPNetwork], master: str) -> str:
    near = [each for each in known if subnet in each or each in subnet]
    listed = ", ".join(map(str, near or known))
    if near:
        return f"{subnet} is {listed} on {master}: some of the LAN is not reached directly; write {listed}"
    return (
        f"{subnet} is not a network of {master}, where this node is in {listed}: nobody there may answer to it; "
        f"correct the subnet, unless the LAN of {master} has both"
    )


def _subnets(meaning: Understood) -> list[tuple[IPNetwork, str]]:
    """The networks of all addresses that it gives, each once, and the keys for them."""
    if meaning.ipam is None:
        return []
    found = {each.subnet.cidr: f"{each.where}.subnet" for given in meaning.ipam.ranges for each in given}
    for index, each in enumerate(meaning.ipam.addresses):
        if each.address.size > 1:
            found.setdefault(each.address.cidr, f"ipam.addresses[{index}].address")
    return list(found.items())


def _trouble(name: str, directories: Sequence[str]) -> str:
    """What is wrong with a plugin's executable, with the cure; "" if nothing is."""
    path = _found(name, directories)
    if path and not os.access(path, os.X_OK):
        return f"{path} cannot be executed; chmod 755 {os.path.realpath(path)}"
    if path:
        return ""
    cure = "install it there"
    if name in OURS:
        cure = f"make install CNI_BIN_DIR={directories[0] if directories else 'DIR'}"
        cure += f" LINKS={name}" if name in ROLES else ""
    return f'failed to find plugin "{name}" in path [{" ".join(directories)}]; {cure}'


def _found(name: str, directories: Sequence[str]) -> str:
    """The plugin's file, "" where there is none."""
    try:
        return (find_in_path(name, directories) if name else None) or ""
    except CniError:  # no file name at all
        return ""
