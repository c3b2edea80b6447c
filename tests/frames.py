"""What passes on the wire: frames seen on a link of a namespace, and the few kinds that tests ask for."""

from __future__ import annotations

import select
import socket
import struct
import time
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.namespaces import Namespace

ETH_P_ALL, ETH_P_IPV4, ETH_P_ARP, ETH_P_IPV6 = 0x3, 0x0800, 0x0806, 0x86DD
IPPROTO_UDP, DHCP_SERVER = 17, bytes((0, 67))  # the protocol, and the port that servers listen on
IPPROTO_ICMPV6, NEIGHBOUR_ADVERTISEMENT, OVERRIDE = 58, 136, 0x20
ALL_NODES = IPv6Address("ff02::1")


class Capture:
    """Records the frames of a link from ``with`` on."""

    def __init__(self, where: Namespace, ifname: str = "eth0") -> None:
        self._socket = where.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind((ifname, ETH_P_ALL))
        self.frames: list[bytes] = []

    def saw(self, wanted: Callable[[bytes], bool], *, seconds: float = 60.0) -> bool:
        """Whether such a frame has come, or comes within the time."""
        deadline = time.monotonic() + seconds
        while not any(map(wanted, self.frames)):
            ready, _, _ = select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return False
            self.frames.append(self._socket.recv(65536))
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def gratuitous_arp(address: str) -> Callable[[bytes], bool]:
    """An ARP frame whose sender and target are both the address."""
    packed = ip_address(address).packed

    def wanted(frame: bytes) -> bool:
        return ethertype(frame) == ETH_P_ARP and frame[28:32] == packed and frame[38:42] == packed

    return wanted


def unsolicited_advertisement(address: str) -> Callable[[bytes], bool]:
    """A neighbour advertisement of the address to all nodes, with the override flag."""
    packed = ip_address(address).packed

    def wanted(frame: bytes) -> bool:
        return (
            ethertype(frame) == ETH_P_IPV6
            and frame[20] == IPPROTO_ICMPV6
            and frame[38:54] == ALL_NODES.packed
            and frame[54] == NEIGHBOUR_ADVERTISEMENT
            and bool(frame[58] & OVERRIDE)
            and frame[62:78] == packed
        )

    return wanted


def dhcp_release(address: str) -> Callable[[bytes], bool]:
    """A DHCPRELEASE of the address: its option 53 is 7 (RFC 2132, 9.6), and ciaddr the address (RFC 2131, table 5)."""
    packed = ip_address(address).packed

    def wanted(frame: bytes) -> bool:
        if ethertype(frame) != ETH_P_IPV4 or frame[23] != IPPROTO_UDP or frame[36:38] != DHCP_SERVER:
            return False
        message = frame[42:]
        return message[12:16] == packed and bytes((53, 1, 7)) in message[240:]

    return wanted


def ethertype(frame: bytes) -> int:
    """The type field of an Ethernet frame."""
    return int(struct.unpack_from("!H", frame, 12)[0])
