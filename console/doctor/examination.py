"""All checks by their names, and how they are put to a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conf.errors import CniError
from console.doctor import (
    access,
    agent,
    configuration,
    gateways,
    installation,
    interfaces,
    kernel,
    leases,
    masters,
    placement,
    store,
)
from console.doctor.finding import ERROR, Finding, from_error
from console.doctor.patient import Patient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from console.doctor.finding import Check
    from console.doctor.patient import Places

CHECKS: Final[dict[str, Check]] = {
    "kernel-namespaces": kernel.namespaces,
    "kernel-macvlan": kernel.macvlan,
    "kernel-sysctls": kernel.sysctls,
    "kernel-mount-namespaces": kernel.mount_namespaces,
    "kernel-ipv6": kernel.ipv6,
    "kernel-inherited-sysctls": kernel.inherited,
    "install-packages": installation.packages,
    "install-plugins": installation.installed,
    "install-foreign": installation.foreign,
    "install-dhcp-daemon": installation.daemons,
    "install-links": installation.links,
    "install-works": installation.works,
    "install-release": installation.releases,
    "settings-valid": store.settings,
    "settings-log-file": store.log_file,
    "settings-record-dir": store.record_dir,
    "conf-directory": placement.directory,
    "conf-nothing": placement.nothing,
    "conf-misplaced": placement.misplaced,
    "conf-podman": placement.podman,
    "conf-readable": configuration.readable,
    "conf-valid": configuration.valid,
    "conf-names": configuration.names,
    "conf-gateways": gateways.subnets,
    "ranges-shared": configuration.shared_ranges,
    "ranges-foreign-leases": configuration.foreign_leases,
    "ranges-own-addresses": configuration.own_addresses,
    "master-usable": masters.usable,
    "master-subnets": masters.subnets,
    "master-accepts": masters.accepts,
    "master-carrier": masters.carrier,
    "master-virtual": masters.virtual,
    "master-proxy-arp": masters.proxy_arp,
    "master-bridge-filter": masters.bridge_filter,
    "gateway-answers": gateways.answers,
    "agent-listens": agent.listens,
    "agent-answers": agent.answers,
    "agent-release": agent.release,
    "agent-access": access.socket,
    "agent-unit-and-auto": agent.unit_and_auto,
    "store-writable": store.writable,
    "store-space": store.space,
    "store-private": access.leases,
    "store-intact": store.intact,
    "leases-earlier-boot": leases.earlier_boot,
    "leases-leaked": leases.leaked,
    "leases-two-stores": leases.two_stores,
    "leases-pool-full": leases.pool_full,
    "links-unrecorded": interfaces.unrecorded,
    "links-missing": interfaces.missing,
    "links-unfinished": interfaces.unfinished,
}
"""A name stays what it is: scripts and docs/troubleshooting.md refer to it."""


MOVING: Final = ("leases-", "links-")
"""What calls change all the time: only what is found twice was not a call under way."""


def examine(places: Places, names: Iterable[str], *, may_ask: bool = True) -> Iterator[tuple[str, Finding]]:
    """What the named checks find, each with the check's name, in the order of ``CHECKS``.

    ``may_ask``: whether a question may be sent to the LAN.
    """
    patient, chosen = Patient(places, may_ask=may_ask), set(names)
    for name in filter(chosen.__contains__, CHECKS):
        findings = _found(name, patient)
        if findings and name.startswith(MOVING):
            again = set(_found(name, Patient(places)))
            findings = [finding for finding in findings if finding in again]
        yield from ((name, finding) for finding in findings)


def _found(name: str, patient: Patient) -> list[Finding]:
    try:
        return list(CHECKS[name](patient))
    except CniError as error:
        return [from_error(ERROR, "doctor", error)]
    except OSError as error:
        cure = f"mend that, or leave this check out: --skip {name}"
        if isinstance(error, PermissionError):
            cure = "run doctor as root with all capabilities, where the plugin runs"
        return [Finding(ERROR, "doctor", f"this could not be looked at: {error}", cure)]
