"""One macvlan: find its parent, make it, find it again, remove it."""

from __future__ import annotations

import errno
import os
from _blake2 import blake2b  # hashlib.blake2b, for which hashlib would load OpenSSL: 3 ms
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conf.errors import CniError, InterfaceExists, InvalidNetworkConfig, LinkFailure, MasterNotFound, MasterUnusable
from link import messages, rtnl
from link.messages import MacvlanAttributes
from link.netlink import KernelRefusal

if TYPE_CHECKING:
    from contextlib import ExitStack

    from conf.link_config import LinkConfig
    from link.answers import Link
    from link.netlink import Netlink
    from link.netns import Namespace

KIND = "macvlan"
PARENT_KINDS = {"macvlan", "macvtap"}  # the kernel puts a child of these on their own parent
MAX_CANDIDATES = 12
MAX_ALIAS = rtnl.MAX_IFALIAS
TEMPORARY_PREFIX = "cmv"
OWN_INDEXES = 1 << 30
"""The upper half of all ifindexes, in which attachments have theirs; the kernel counts from 1."""


def find_master(netlink: Netlink, wanted: LinkConfig) -> Link:
    """The parent that the configuration names, or that of the default route; fit for the wanted child.

    The socket is of the container's namespace where the link is made there. Raises MasterNotFound, MasterUnusable or
    InvalidNetworkConfig.
    """
    if wanted.master:
        master = netlink.link(wanted.master)
        if master is None:
            raise MasterNotFound(
                f'failed to lookup master "{wanted.master}": Link not found; {_candidates(netlink)}',
                f'"master" has to name an Ethernet interface {_where(wanted)}',
            )
    else:
        master = _default_route_link(netlink, wanted)
    _require_usable(netlink, master, wanted)
    if wanted.mtu > master.mtu:
        raise InvalidNetworkConfig(
            f"invalid MTU {wanted.mtu}, must be [0, master MTU({master.mtu})]; "
            f'set "mtu" to 0, or at most to that of {master.name}',
            f'"mtu" is {wanted.mtu}, master is "{master.name}"',
            "mtu",
        )
    return master


@dataclass(frozen=True)
class Place:
    """Where a child is made: sockets of the master's namespace and of the container's, and the latter namespace."""

    outside: Netlink
    inside: Netlink
    namespace: Namespace


def create(place: Place, wanted: MacvlanAttributes, container_id: str, undo: ExitStack) -> Link:
    """Make the container's child, down, inside it, and have ``undo`` remove it.

    Raises InterfaceExists, MasterUnusable or LinkFailure.
    """
    index = index_of(container_id, wanted.name)
    try:
        index = _make(place, wanted, index)
        undo.callback(_remove, place.inside, wanted.name, index)
    except KernelRefusal as refusal:
        if refusal.errno != errno.EEXIST or place.inside.link(wanted.name) is not None:
            raise _refused(refusal, wanted) from refusal
        index = _make_renamed(place, wanted, temporary_name(container_id, wanted.name), index, undo)
    link = place.inside.link(index=index) if index else place.inside.link(wanted.name)
    if link is not None and wanted.mac and link.mac != wanted.mac:
        _give_mac(place.inside, link, wanted)
        link = place.inside.link(index=link.index)
    if link is None:
        raise LinkFailure(f'"{wanted.name}" vanished right after it was made; try again', f"in {place.namespace.path}")
    return link


def find(container: Netlink, container_id: str, ifname: str) -> Link | None:
    """The attachment's interface under whatever name, also if its making was interrupted before it had one.

    By its name alone is found what another release or plugin made, or has an index that was taken.
    """
    own = find_by_index(container, container_id, ifname)
    if own is not None:
        return own
    named = container.link(ifname) or container.link(temporary_name(container_id, ifname))
    return named if named is None or not is_of_attachment(named) else None


def find_by_index(container: Netlink, container_id: str, ifname: str) -> Link | None:
    """The device that was made for the attachment; one of another kind only happens to have its index."""
    link = container.link(index=index_of(container_id, ifname))
    return link if link is not None and link.kind == KIND else None


def is_of_attachment(link: Link) -> bool:
    """Whether the device was made with the index of an attachment, this or another."""
    return link.kind == KIND and link.index >= OWN_INDEXES


def index_of(container_id: str, ifname: str) -> int:
    """The ifindex that the attachment's interface is made with: no rename, swap or new alias takes it away.

    Of two attachments in one container's namespace they differ but once in a billion.
    """
    digest = blake2b(f"{container_id}/{ifname}".encode(), digest_size=4).digest()
    return OWN_INDEXES | int.from_bytes(digest) % OWN_INDEXES


def temporary_name(container_id: str, ifname: str) -> str:
    """The name that a child has for a moment where the kernel compares names in the wrong namespace."""
    return TEMPORARY_PREFIX + blake2b(f"{container_id}/{ifname}".encode(), digest_size=5).hexdigest()


def delete(container: Netlink, index: int) -> None:
    """Remove a device; one that is gone already is no error. Raises LinkFailure."""
    try:
        container.send(messages.delete_link(index))
    except KernelRefusal as refusal:
        if refusal.errno != errno.ENODEV:
            raise LinkFailure(f"failed to delete the interface with index {index}: {refusal}", "") from refusal


def parent_of(master: Link) -> int:
    """The ifindex that the kernel reports as parent of a child made on this master."""
    return master.parent if master.kind in PARENT_KINDS and master.parent else master.index


def _give_mac(inside: Netlink, link: Link, wanted: MacvlanAttributes) -> None:
    """In passthru a child begins with the master's MAC, and both have one; with the child its MAC leaves the master.

    The kernel puts the master's own back then, whatever removes the child (macvlan_port_destroy, Linux 4.13).
    """
    try:
        inside.send(messages.set_mac(link.index, wanted.mac))
    except KernelRefusal as refusal:
        raise MasterUnusable(
            f'failed to set "mac" {wanted.mac} on master "{wanted.master.name}": {refusal}; '
            'leave "mac" out, or use another master',
            f'"mode" is "{wanted.mode}": master and child have one MAC address',
        ) from refusal


def _make(place: Place, wanted: MacvlanAttributes, index: int) -> int:
    """Have the kernel make the device, and return its index, or 0 where another device had that one."""
    try:
        place.outside.send(messages.create_macvlan(wanted, place.namespace.descriptor, index))
    except KernelRefusal as refusal:
        # EBUSY is what Linux before 5.16 answers
        if refusal.errno not in {errno.EEXIST, errno.EBUSY} or place.inside.link(index=index) is None:
            raise
        place.outside.send(messages.create_macvlan(wanted, place.namespace.descriptor))
        return 0
    return index


def _make_renamed(place: Place, wanted: MacvlanAttributes, temporary: str, index: int, undo: ExitStack) -> int:
    """Before Linux 5.16 a new name is also compared with those of the namespace that the request comes from."""
    left_by_killed = place.inside.link(temporary)
    if left_by_killed is not None:
        delete(place.inside, left_by_killed.index)
    try:
        index = _make(place, replace(wanted, name=temporary), index)
        undo.callback(_remove, place.inside, temporary, index)
        link = place.inside.link(temporary)
        if link is not None:
            place.inside.send(messages.rename_link(link.index, wanted.name))
            undo.callback(_remove, place.inside, wanted.name, index)
    except KernelRefusal as refusal:
        raise _refused(refusal, wanted) from refusal
    return index


def _remove(container: Netlink, name: str, index: int) -> None:
    link = container.link(index=index) if index else container.link(name)
    if link is not None:
        delete(container, link.index)


def _where(wanted: LinkConfig) -> str:
    return "in the container" if wanted.link_in_container else "on this node"


def _default_route_link(netlink: Netlink, wanted: LinkConfig) -> Link:
    """The device of the default route with the lowest metric in the main table, IPv4's before IPv6's."""
    for family in (rtnl.AF_INET, rtnl.AF_INET6):
        defaults = [r for r in netlink.routes(family) if r.unicast and not r.route.dst.prefixlen]
        for default in sorted(defaults, key=lambda r: r.route.priority or 0):
            link = netlink.link(index=default.hops[0][0])
            if link is not None:
                return link
    raise MasterNotFound(
        f'no default route interface found; set "master"; {_candidates(netlink)}',
        f'without "master" the interface of the default route {_where(wanted)} is taken',
    )


def _candidates(netlink: Netlink) -> str:
    """What could be a master here, as the end of a message."""
    fit = [link.name for link in netlink.links() if link.ethernet and not link.port_of]
    shown = ", ".join(fit[:MAX_CANDIDATES]) + (", …" if len(fit) > MAX_CANDIDATES else "")
    return f"candidates are {shown}" if fit else "there is no Ethernet interface at all"


def _require_usable(netlink: Netlink, master: Link, wanted: LinkConfig) -> None:
    """Raise MasterUnusable where one look at the master tells that the kernel, or the air, will refuse."""
    reason = ""
    if not master.ethernet:
        reason = "is not an Ethernet interface; name one that is"
    elif master.port_of and master.port_kind != "vrf":
        owner, kind = netlink.link(index=master.port_of), master.port_kind or "bridge"
        name = f' "{owner.name}"' if owner else ""
        reason = f"is a port of the {kind}{name}; use the {kind} itself as master"
    elif os.path.exists(f"/sys/class/net/{master.name}/phy80211") and wanted.mode != "passthru":
        reason = 'is wireless, and access points drop frames of a second MAC address; use a wired master or an "ipvlan"'
    elif wanted.mac and wanted.mac == master.mac and wanted.mode != "passthru":
        reason = f'has the MAC address {wanted.mac} itself; choose another "mac"'
    if reason:
        raise MasterUnusable(
            f'master "{master.name}" {reason}', f'"master" is "{master.name}", "mode" is "{wanted.mode}"'
        )


def _refused(refusal: KernelRefusal, wanted: MacvlanAttributes) -> CniError:
    """The kernel's errno for a new macvlan, with what it stands for (drivers/net/macvlan.c)."""
    master = wanted.master.name
    details = f'"mode" is "{wanted.mode}", master is "{master}"'
    if refusal.errno == errno.EEXIST:
        return InterfaceExists(
            f'interface "{wanted.name}" exists in the container already: file exists; '
            "call DEL first, or choose another CNI_IFNAME",
            details,
        )
    if refusal.errno == errno.EBUSY:
        return MasterUnusable(
            f'failed to create macvlan: master "{master}" is in use by a bridge, a bond or an ipvlan: {refusal}; '
            "use another master",
            details,
        )
    if refusal.errno == errno.EINVAL and wanted.mode == "passthru":
        return MasterUnusable(
            f'failed to create macvlan: master "{master}" has a child already and passthru takes the whole master: '
            f"{refusal}; remove the other containers from it, or use another master",
            details,
        )
    if refusal.errno == errno.EINVAL:
        return MasterUnusable(
            f'failed to create macvlan: master "{master}" is taken by a passthru child: {refusal}; '
            "remove that container, or use another master",
            details,
        )
    return LinkFailure(f'failed to create macvlan "{wanted.name}" on master "{master}": {refusal}', details)
