"""One lease of host-local's directory as a file: its name is the address, its content says who holds it."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address

from netaddr import INET_PTON, valid_ipv4

from ipam.lease import Owner


def owner_of(network: str, content: bytes) -> Owner:
    """Who is written in a lease's file; what is no UTF-8 comes back as it was when it is written again."""
    container_id, _, ifname = content.strip().decode(errors="surrogateescape").partition("\r\n")
    return Owner(network, container_id, ifname)


def content_of(owner: Owner) -> bytes:
    """What is written in a lease's file of the owner's."""
    return f"{owner.container_id}\r\n{owner.ifname}".encode()


def is_address(name: str) -> bool:
    """Tell names of addresses as Go writes them from ``lock`` and what else may lie there."""
    if ":" not in name:
        return name.isascii() and bool(valid_ipv4(name, INET_PTON))
    try:
        return "%" not in name and str(IPv6Address(name)) == name
    except AddressValueError:
        return False
