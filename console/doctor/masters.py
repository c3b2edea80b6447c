"""Checks of the masters: whether a child can be made on them, and whether its frames get anywhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from conf.errors import CniError
from console.doctor import trial
from console.doctor.finding import ERROR, NOTICE, WARNING, Finding, from_error, from_lint
from console.lint import on_node
from link import sysctl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.configs.meaning import Understood
    from console.doctor.patient import Patient
    from link.answers import Link

VMWARE = "in the port group of the virtual switch accept forged transmits and promiscuous mode (or MAC learning)"
DRIVERS = {
    "vmxnet3": ("VMware", VMWARE),
    "e1000": ("VMware or VirtualBox", VMWARE),
    "hv_netvsc": ("Hyper-V", "Set-VMNetworkAdapter -MacAddressSpoofing On for this adapter"),
    "vif": ("Xen", "allow more than one MAC address on the virtual interface (locking-mode unlocked)"),
    "virtio_net": ("KVM", "have every MAC address forwarded: no port security, trustGuestRxFilters=yes for macvtap"),
    "ena": ("AWS", "there is no cure: the network knows the instance's own address only; use another plugin"),
    "gve": ("Google Cloud", "there is no cure: the network knows the instance's own address only; use another plugin"),
}  # fmt: skip
"""Virtual network cards by their drivers: who has the other end, and how it is made to let other MAC addresses pass."""
FILTER = "/proc/sys/net/bridge/bridge-nf-call-iptables"


def usable(patient: Patient) -> Iterator[Finding]:
    """Whether every network's master is there and can carry the child that is wanted."""
    for verdict in patient.our_verdicts:
        yield from map(from_lint, on_node.unusable(verdict))


def subnets(patient: Patient) -> Iterator[Finding]:
    """Whether the networks are those that the masters are in."""
    for verdict in patient.our_verdicts:
        yield from map(from_lint, on_node.off_lan(verdict))


def accepts(patient: Patient) -> Iterator[Finding]:
    """Whether the kernel makes a child on each master: it is tried, and the child is gone again."""
    for master in _masters(patient, but="passthru"):
        try:
            with trial.child(master):
                continue
        except CniError as error:
            yield from_error(ERROR, master.name, error)
    for network in patient.our_networks:
        if network.request.link.mode == "passthru":
            yield from _not_alone(patient, network)


def _not_alone(patient: Patient, network: Understood) -> Iterator[Finding]:
    """Children of others on a master that a network wants for itself; making one would change the master."""
    masters = {master.index: master for master in _masters(patient)}
    for child in patient.children:
        master = masters.get(child.parent)
        if master and child.owner[0] != network.network and _is_of(patient, network, master):
            yield Finding(
                ERROR,
                master.name,
                f'network "{network.network}" wants it for itself (passthru), and {child.link.name} in '
                f"{child.home.path} is on it",
                "remove that container, or use another master",
            )


def _is_of(patient: Patient, network: Understood, master: Link) -> bool:
    try:
        return patient.master(network.request.link).index == master.index
    except CniError:  # which the check of usability tells
        return False


def carrier(patient: Patient) -> Iterator[Finding]:
    """Whether the masters are up and plugged in."""
    for master in _masters(patient):
        if not master.up:
            yield Finding(
                ERROR, master.name, "this master is down, and so are all its children", f"ip link set {master.name} up"
            )
        elif not master.carrier:
            yield Finding(
                WARNING, master.name, "this master has no carrier: no frame leaves the node", "see to cable and switch"
            )


def virtual(patient: Patient) -> Iterator[Finding]:
    """Whether a hypervisor is likely to drop the frames of other MAC addresses than the master's own."""
    for master in _masters(patient, but="passthru"):
        device = os.path.join(patient.places.sysfs, "class/net", master.name, "device")
        driver = os.path.basename(os.path.realpath(os.path.join(device, "driver")))
        if driver in DRIVERS and os.path.exists(device):
            host, cure = DRIVERS[driver]
            machine = _dmi(patient)
            yield Finding(
                WARNING,
                master.name,
                f"its driver {driver} tells of a virtual machine on {host}{f' ({machine})' if machine else ''}: unless "
                "told otherwise, that drops frames of MAC addresses that it did not give",
                cure,
            )


def proxy_arp(patient: Patient) -> Iterator[Finding]:
    """Whether the node answers ARP requests for addresses that containers have."""
    for master in _masters(patient):
        for where in ("all", master.name):
            if sysctl.read("ipv4", where, "proxy_arp") != "0":
                yield Finding(
                    WARNING,
                    master.name,
                    f"net.ipv4.conf.{where}.proxy_arp is set: the node answers ARP requests for others' addresses",
                    f"sysctl -w net.ipv4.conf.{where}.proxy_arp=0",
                )


def bridge_filter(patient: Patient) -> Iterator[Finding]:
    """Whether the node's own firewall judges what the children of a bridge send."""
    bridges = [master for master in _masters(patient) if master.kind == "bridge"]
    if not bridges or not os.path.exists(FILTER):
        return
    with open(FILTER, encoding="ascii") as file:
        filtered = file.read().strip() != "0"
    for master in bridges if filtered else ():
        yield Finding(
            NOTICE,
            master.name,
            "net.bridge.bridge-nf-call-iptables is set: the node's FORWARD rules apply to frames of this bridge, and "
            "some container engines drop what they do not know",
            "sysctl -w net.bridge.bridge-nf-call-iptables=0, or accept the network in FORWARD",
        )


def _masters(patient: Patient, but: str = "") -> list[Link]:
    """The masters of all networks that are there, each once, leaving out those of one mode."""
    found = {}
    for network in patient.our_networks:
        wanted = network.request.link
        if wanted.link_in_container or wanted.mode == but:
            continue
        try:
            master = patient.master(wanted)
        except CniError:  # which the check of usability tells
            continue
        found[master.index] = master
    return list(found.values())


def _dmi(patient: Patient) -> str:
    """What the firmware calls the machine, "" where it has no name."""
    words = []
    for name in ("sys_vendor", "product_name"):
        try:
            with open(os.path.join(patient.places.sysfs, "class/dmi/id", name), encoding="utf-8") as file:
                words.append(file.read().strip())
        except OSError:  # a machine without DMI
            continue
    return " ".join(words)
