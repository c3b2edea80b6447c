"""Checks of the interfaces in all namespaces against what is remembered of them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from console.doctor.finding import WARNING, Finding
from link import macvlan
from plugin.node import boot_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.doctor.patient import Patient
    from ipam.lease import Attachment

TEMPORARY = re.compile(macvlan.TEMPORARY_PREFIX + r"[0-9a-f]{10}")
UNDER_WAY = 120
"""Seconds that an ADD may take, after which what it has not finished was left by it."""


def unrecorded(patient: Patient) -> Iterator[Finding]:
    """Interfaces with our mark of which nothing is known."""
    known = {(each.owner.network, each.owner.container_id) for each in patient.records}
    for child in patient.children:
        network, container_id = child.owner
        if network and child.owner not in known:
            yield Finding(
                WARNING,
                f"{child.link.name} in {child.home.path}",
                f'container {container_id} of network "{network}" has it, and the lease database does not know of it: '
                f"{', '.join(child.addresses)} may be given again",
                "cni-macvlan-py leases rescue, which records it; or DEL the container, or: "
                f"nsenter --net={child.home.path} ip link delete {child.link.name}",
            )


def missing(patient: Patient) -> Iterator[Finding]:
    """Records of interfaces that somebody has removed."""
    alive = {each.identity for each in patient.namespaces}
    there = {(child.home.identity, child.link.name) for child in patient.children}
    for each in _finished(patient):
        name = each.owner.ifname
        if each.netns_id in alive and (each.netns_id, name) not in there:
            yield Finding(
                WARNING,
                f"container {each.owner.container_id}, {name}",
                f'network "{each.owner.network}" has given it {name}, which is not in {each.netns} any more',
                "start the container anew, or DEL it: its address is kept for it until then",
            )


def unfinished(patient: Patient) -> Iterator[Finding]:
    """Interfaces that an ADD left which died before its end."""
    begun = {(each.netns_id, each.owner.ifname) for each in _finished(patient)}
    for child in patient.children:
        temporary = TEMPORARY.fullmatch(child.link.name)
        if temporary or ((child.home.identity, child.link.name) in begun and not child.link.alias):
            yield Finding(
                WARNING,
                f"{child.link.name} in {child.home.path}",
                "an ADD began it and died; its container was never told of it",
                "nothing if the runtime tries again, or calls DEL; else: "
                f"nsenter --net={child.home.path} ip link delete {child.link.name}",
            )


def _finished(patient: Patient) -> list[Attachment]:
    """The records of interfaces whose ADD has ended, in one way or the other."""
    now, boot = time.time(), boot_id()
    begun = [each for each in patient.records if each.device and now - each.created > UNDER_WAY]
    return [each for each in begun if each.boot_id == boot]
