"""Checks of the kernel: each thing that a call needs of it is tried, in a namespace that is thrown away."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from console.doctor.finding import ERROR, NOTICE, Finding
from link import messages, sysctl
from link.macvlan import KIND
from link.messages import MacvlanAttributes
from link.netlink import KernelRefusal, Netlink
from link.netns import throw_away
from link.thread import visit_mount_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.doctor.patient import Patient
    from link.answers import Link

PARENTS = ("veth", "bridge", "dummy")
"""What is tried as a master: a kernel has at least one of these."""
KERNEL = "the kernel"
CHILD = "try0"
HARMFUL = {
    "arp_filter": {1: "one with a second interface may not answer ARP requests on it"},
    "arp_ignore": dict.fromkeys(range(3, 9), "they may not answer ARP requests"),
    "rp_filter": {1: "one with a second interface drops what comes in by the one that it would not answer by"},
}
"""Sysctls that a new namespace has from the node's own, and what some of their values do to containers."""


def namespaces(patient: Patient) -> Iterator[Finding]:
    """Whether a network namespace can be made and entered."""
    del patient
    try:
        with throw_away() as namespace, namespace.entered():
            return
    except OSError as error:
        yield Finding(
            ERROR,
            KERNEL,
            f"no network namespace can be made and entered: {error.strerror}",
            "run as root with CAP_SYS_ADMIN; a kernel of one's own needs CONFIG_NET_NS",
        )


def macvlan(patient: Patient) -> Iterator[Finding]:
    """Whether a macvlan can be made and marked."""
    del patient
    try:
        with _child() as (netlink, link):
            if link is None or link.kind != KIND:
                yield not_a_macvlan(link)
                return
            netlink.send(messages.set_alias(link.index, "doctor"))
            marked = netlink.link(CHILD)
            if marked is None or marked.alias != "doctor":
                yield Finding(
                    ERROR,
                    KERNEL,
                    "an interface cannot be given an alias (IFALIAS)",
                    "use a kernel with CONFIG_NET",
                )
    except KernelRefusal as refusal:
        yield Finding(
            ERROR,
            KERNEL,
            f"no macvlan can be made: {refusal.words}",
            "modprobe macvlan, and name it in /etc/modules-load.d; small kernels have it in a package of further "
            "modules; in a container add CAP_NET_ADMIN",
        )
    except OSError:  # no namespace, which has a check of its own
        return


def not_a_macvlan(made: Link | None) -> Finding:
    """What to say where the kernel was asked for a macvlan, refused nothing, and did not make one."""
    there = f'an interface of kind "{made.kind}" is there instead' if made else "no interface is there"
    return Finding(
        ERROR,
        KERNEL,
        f"it was asked for a macvlan and refused nothing, but {there}",
        "use a kernel whose rtnetlink makes macvlans: one that is imitated (a sandbox) may not",
    )


def sysctls(patient: Patient) -> Iterator[Finding]:
    """Whether the sysctls of a container's interface can be written."""
    del patient
    try:
        with _child() as (_, link):
            if link is None:  # which is told of as above
                return
            sysctl.write("ipv4", link.name, "arp_notify", "1")
    except KernelRefusal:  # no macvlan, which has a check of its own
        return
    except OSError as error:
        if error.filename:
            yield Finding(
                ERROR,
                str(error.filename).replace(CHILD, "IFNAME"),
                f"sysctls of interfaces cannot be written: {error.strerror}",
                "mount /proc/sys writable where the plugin or its agent runs: a container has to be privileged",
            )


def mount_namespaces(patient: Patient) -> Iterator[Finding]:
    """Whether an agent's threads could stand where its callers do."""
    del patient
    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(visit_mount_namespace).result()
    except OSError as error:
        yield Finding(
            ERROR,
            KERNEL,
            f"a thread cannot change its mount namespace: {error.strerror}",
            "an agent needs CAP_SYS_ADMIN and CAP_SYS_CHROOT; without an agent nothing is amiss",
        )


def ipv6(patient: Patient) -> Iterator[Finding]:
    """Whether networks have IPv6 ranges on a kernel without IPv6."""
    if os.path.isdir("/proc/sys/net/ipv6"):
        return
    for network in patient.our_networks:
        if any(each.version == 6 for each in network.range_sets):  # noqa: PLR2004 - the protocol's version
            yield Finding(
                ERROR,
                network.file,
                f'network "{network.network}" has IPv6 ranges and the kernel has no IPv6',
                "boot without ipv6.disable=1, or remove the ranges",
            )


def inherited(patient: Patient) -> Iterator[Finding]:
    """Which sysctls of the node make trouble in containers, whose namespaces begin with them."""
    if not patient.our_networks:
        return
    try:
        with throw_away() as namespace, namespace.entered():
            # Of a setting for all interfaces and one for each, the kernel heeds the greater.
            values = {key: max(int(sysctl.read("ipv4", where, key)) for where in ("all", "default")) for key in HARMFUL}
    except OSError:  # no namespace, which has a check of its own
        return
    yield from judged(values)


def judged(values: dict[str, int]) -> Iterator[Finding]:
    """The sysctls of a new namespace that keep a second interface from being reached."""
    for key, value in values.items():
        if value in HARMFUL[key]:
            yield Finding(
                NOTICE,
                f"net.ipv4.conf.*.{key}",
                f"it is {value}, and new containers inherit it: {HARMFUL[key][value]}",
                f"sysctl -w net.ipv4.conf.all.{key}=0 net.ipv4.conf.default.{key}=0, or in the containers that need it",
            )


@contextmanager
def _child() -> Iterator[tuple[Netlink, Link | None]]:
    """What the kernel makes of a macvlan in a throw-away namespace, in which the thread stands.

    Raises KernelRefusal or OSError.
    """
    with throw_away() as namespace, namespace.entered(), Netlink() as netlink:
        master = _master(netlink)
        netlink.send(messages.create_macvlan(MacvlanAttributes(CHILD, master, "bridge"), None))
        yield netlink, netlink.link(CHILD)


def _master(netlink: Netlink) -> Link:
    refusals = []
    for kind in PARENTS:
        try:
            netlink.send(messages.create_device(kind, "master"))
        except KernelRefusal as refusal:
            refusals.append(refusal)
            continue
        link = netlink.link("master")
        if link is not None:
            return link
    raise refusals[0] if refusals else KernelRefusal(errno.ENODEV, f"none of {', '.join(PARENTS)} is made", 0)
