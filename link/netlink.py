"""A conversation with the kernel: requests sent together, replies counted, refusals with the kernel's own words."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from typing import TYPE_CHECKING

from conf.errors import LinkFailure
from link import answers, messages, rtnl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self, TypeVar

    from link.answers import KernelRoute, Link, LinkAddress, Neighbour
    from link.messages import Message

    Decoded = TypeVar("Decoded")

# linux/netlink.h
HEADER = struct.Struct("=IHHII")
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_DUMP_INTR, NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x10, 0x100, 0x200
NLMSGERR_ATTR_MSG = 1
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 1, 10, 11, 12
RTNLGRP_NEIGH, RTNLGRP_IPV6_IFADDR = 3, 9

SIOCGSKNS = 0x894C  # linux/sockios.h, Linux 4.10
RECEIVE_BYTES = 1 << 15  # the most that the kernel puts into one datagram of a dump
DUMP_ATTEMPTS = 20
AT_ONCE = 64
"""Requests in one datagram: answers for which the socket's buffer has no room (some 280 by default) are lost."""


observe: Callable[[Sequence[Message], Sequence[Sequence[bytes]], KernelRefusal | None], None] | None = None
"""Told of each exchange while a call is traced: requests, their answers, and what was refused."""


class KernelRefusal(LinkFailure):
    """The kernel answered a request with an error; ``position`` says which of those sent together.

    Who knows what the request was for turns this into a failure that says so.
    """

    def __init__(self, number: int, explanation: str, position: int) -> None:
        words = os.strerror(number)
        self.words = f"{words} ({explanation})" if explanation else words
        super().__init__(f"the kernel refused a request: {self.words}; see its log", f"errno {number}, rtnetlink")
        self.errno = number
        self.position = position

    def __str__(self) -> str:
        return self.words


class Netlink:
    """An rtnetlink socket of the namespace that the opening thread was in; not for use by two threads at once."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK):
            self._socket.setsockopt(SOL_NETLINK, option, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; closing twice is no error."""
        self._socket.close()

    def subscribe_ipv6_addresses(self) -> None:
        """Have changes of IPv6 addresses wake ``wait``; such a socket is for nothing else."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_IPV6_IFADDR)

    def subscribe_neighbours(self) -> None:
        """Have what is learnt of neighbours wake ``wait``; such a socket is for nothing else."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NEIGH)

    def wait(self, seconds: float) -> None:
        """Return when a subscribed change was announced, or after so many seconds."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # more changes than fit: a change all the same
                raise

    def send(self, *requests: Message) -> list[list[bytes]]:
        """Send the requests and return what each was answered; the kernel works in order.

        Raises KernelRefusal for the first that was refused; of those behind it some may have been attempted.
        """
        answers: list[list[bytes]] = []
        for begin in range(0, len(requests), AT_ONCE):
            try:
                answers += self._exchange(requests[begin : begin + AT_ONCE])
            except KernelRefusal as refusal:
                refusal.position += begin
                raise
        return answers

    def _exchange(self, requests: Sequence[Message]) -> list[list[bytes]]:
        """Send the requests in one datagram; all are attempted. Raises as ``send``."""
        first = self._sequence + 1
        parts = []
        for request in requests:
            self._sequence += 1
            size = HEADER.size + len(request.payload)
            parts.append(HEADER.pack(size, request.type, request.flags, self._sequence, 0) + request.payload)
        self._socket.send(b"".join(parts))
        answers: list[list[bytes]] = [[] for _ in requests]
        refusal: KernelRefusal | None = None
        interrupted = False
        outstanding = len(requests)
        while outstanding:
            for kind, flags, sequence, message in _split(self._socket.recv(RECEIVE_BYTES)):
                position = sequence - first
                if not 0 <= position < len(requests):
                    continue  # the rest of an earlier conversation that was broken off
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if kind in {NLMSG_ERROR, NLMSG_DONE}:
                    outstanding -= 1
                    number = -struct.unpack_from("=i", message, HEADER.size)[0]
                    if number and refusal is None:
                        refusal = KernelRefusal(number, _explanation(kind, flags, message), position)
                else:
                    answers[position].append(message)
        if observe is not None:
            observe(requests, answers, refusal)
        if refusal is not None:
            raise refusal
        if interrupted:
            raise KernelRefusal(errno.EINTR, "the dump was interrupted by a change", 0)
        return answers

    def link(self, name: str = "", index: int = 0) -> Link | None:
        """The device of that name or index, None if there is none."""
        try:
            ((answer, *_),) = self.send(messages.get_link(name, index))
        except KernelRefusal as refusal:
            # ERANGE, EINVAL: the text cannot be a device's name at all
            if refusal.errno in {errno.ENODEV, errno.ERANGE, errno.EINVAL}:
                return None
            raise
        return answers.read_link(answer)

    def links(self) -> list[Link]:
        """Every device of the namespace."""
        return self._dump(messages.dump_links(), answers.read_link)

    def addresses(self, index: int, family: int = 0) -> list[LinkAddress]:
        """The addresses of one device, of one family or all."""
        found = self._dump(messages.dump_addresses(index, family), answers.read_address)
        return [address for address in found if address.index == index]

    def all_addresses(self, family: int) -> list[LinkAddress]:
        """The addresses of every device, of one family."""
        return self._dump(messages.dump_addresses(0, family), answers.read_address)

    def routes(self, family: int, table: int = rtnl.RT_TABLE_MAIN) -> list[KernelRoute]:
        """The routes of one family and table (RT_TABLE_UNSPEC: of all); none where the table does not exist."""
        try:
            found = self._dump(messages.dump_routes(family, table), answers.read_route)
        except KernelRefusal as refusal:
            if refusal.errno == errno.ENOENT:  # IPv4: the table was never used
                return []
            raise
        return [route for route in found if table in {route.route.table, rtnl.RT_TABLE_UNSPEC}]

    def neighbours(self, index: int) -> list[Neighbour]:
        """What is known of the neighbours on one device."""
        found = self._dump(messages.dump_neighbours(), answers.read_neighbour)
        return [neighbour for neighbour in found if neighbour.index == index]

    def namespace_number(self, netns_fd: int) -> int | None:
        """The number by which the socket's namespace knows another, below 0 for none."""
        ((answer, *_),) = self.send(messages.get_namespace_number(netns_fd))
        return answers.read_namespace_number(answer)

    def _dump(self, request: Message, decode: Callable[[bytes], Decoded]) -> list[Decoded]:
        """A dump, begun anew when something changed under it (NLM_F_DUMP_INTR)."""
        for attempt in range(1, DUMP_ATTEMPTS + 1):
            try:
                (answer,) = self.send(request)
            except KernelRefusal as refusal:
                if refusal.errno != errno.EINTR or attempt == DUMP_ATTEMPTS:
                    raise
            else:
                return [decode(message) for message in answer]
        raise AssertionError


def namespace_of_a_socket() -> int:
    """A descriptor of the network namespace that the calling thread is in, got without /proc, by CAP_NET_ADMIN."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as here:
        return fcntl.ioctl(here, SIOCGSKNS)


def _split(datagram: bytes) -> list[tuple[int, int, int, bytes]]:
    """The messages of a datagram as (type, flags, sequence, whole message)."""
    found = []
    offset = 0
    while offset + HEADER.size <= len(datagram):
        length, kind, flags, sequence, _ = HEADER.unpack_from(datagram, offset)
        found.append((kind, flags, sequence, datagram[offset : offset + length]))
        offset += (length + 3) & ~3
    return found


def _explanation(kind: int, flags: int, message: bytes) -> str:
    """The text that the kernel adds to an error (extended acknowledgement, Linux 4.12)."""
    if kind != NLMSG_ERROR or not flags & NLM_F_ACK_TLVS or not flags & NLM_F_CAPPED:
        return ""
    attributes = answers.read_attributes(message, HEADER.size + 4 + HEADER.size)
    return answers.read_text(attributes.get(NLMSGERR_ATTR_MSG))
