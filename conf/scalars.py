"""The scalar values of a configuration: addresses, networks and MACs, with the messages that callers know."""

from __future__ import annotations

import re

from netaddr import INET_PTON, AddrFormatError, IPAddress, IPNetwork

# The three spellings of Go's net.ParseMAC, for the six bytes that Ethernet has.
MAC = re.compile(
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}", re.IGNORECASE
)

MAPPED_BITS = 96
"""How many bits of an IPv4-mapped IPv6 address, such as ::ffff:10.1.0.5, stand before the IPv4 address (RFC 4291)."""


def parse_ip(text: object) -> IPAddress:
    """An IPv4 or IPv6 address; an IPv4-mapped IPv6 one becomes IPv4. Raises ValueError."""
    try:
        address = IPAddress(text, flags=INET_PTON) if isinstance(text, str) and "%" not in text else None
    except (AddrFormatError, ValueError, TypeError) as error:
        raise ValueError(f"invalid IP address: {text}") from error
    if address is None:
        raise ValueError(f"invalid IP address: {text}")
    return address.ipv4() if address.is_ipv4_mapped() else address


def parse_cidr(text: object) -> IPNetwork:
    """An address with its prefix length, host bits kept; an IPv4-mapped IPv6 one becomes IPv4. Raises ValueError."""
    network = parse_network(text)
    if network.version == 4 or not network.ip.is_ipv4_mapped():  # noqa: PLR2004 - the version of the protocol
        return network
    if network.prefixlen < MAPPED_BITS:
        raise ValueError(
            f"invalid CIDR address: {text}; the length of an IPv4-mapped address is at least {MAPPED_BITS}"
        )
    return IPNetwork((network.value & 0xFFFFFFFF, network.prefixlen - MAPPED_BITS), version=4)


def parse_network(text: object) -> IPNetwork:
    """An address with its prefix length, of the family that it is written in. Raises ValueError."""
    address, separator, prefix = text.partition("/") if isinstance(text, str) else ("", "", "")
    if not separator or not prefix.isascii() or not prefix.isdigit():
        raise ValueError(f"invalid CIDR address: {text}")
    try:
        return IPNetwork((IPAddress(address, flags=INET_PTON).value, int(prefix)), version=6 if ":" in address else 4)
    except (AddrFormatError, ValueError) as error:
        raise ValueError(f"invalid CIDR address: {text}") from error


def parse_ip_or_cidr(text: object) -> IPAddress:
    """The address of ``10.1.0.5`` or ``10.1.0.5/24``; the length is not kept. Raises ValueError."""
    if not isinstance(text, str) or "/" not in text:
        return parse_ip(text)
    address = parse_network(text).ip
    return address.ipv4() if address.is_ipv4_mapped() else address


def parse_mac(text: object) -> str:
    """A unicast Ethernet address as six lower-case pairs joined by colons. Raises ValueError."""
    if not isinstance(text, str) or not MAC.fullmatch(text):
        raise ValueError(f"address {text}: invalid MAC address; six bytes are needed, as in 02:00:00:00:00:01")
    digits = re.sub(r"[:.-]", "", text).lower()
    if int(digits[:2], 16) & 1:
        raise ValueError(f"address {text}: multicast MAC address; make the first byte even, as in 02:00:00:00:00:01")
    if not int(digits, 16):
        raise ValueError(f"address {text}: the all-zero MAC address is not valid; leave the key out for a random one")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
