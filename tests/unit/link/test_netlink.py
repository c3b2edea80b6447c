"""Conversations with the kernel that need no rights: answers in order, however many, and refusals by position."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from link import messages
from link.netlink import AT_ONCE, KernelRefusal, Netlink

LOOPBACK = 1  # the first device of any namespace


def test_a_device_by_name_and_by_index() -> None:
    with Netlink() as netlink:
        by_name, by_index = netlink.link("lo"), netlink.link(index=LOOPBACK)
        assert by_name is not None
        assert by_name == by_index
        assert (by_name.name, by_name.index, by_name.ethernet) == ("lo", LOOPBACK, False)


@pytest.mark.parametrize("name", ["none-of-ours", "a name that is longer than any", "x" * 500, "%d"])
def test_a_device_that_there_is_not(name: str) -> None:
    with Netlink() as netlink:
        assert netlink.link(name) is None


def test_all_devices_have_the_loopback_among_them_once() -> None:
    with Netlink() as netlink:
        assert [link.name for link in netlink.links() if link.index == LOOPBACK] == ["lo"]


def test_more_requests_than_go_into_one_datagram_are_answered_in_order() -> None:
    ask, other = messages.get_link("lo"), messages.get_namespace_number
    with Path("/proc/self/ns/net").open("rb") as own, Netlink() as netlink:
        requests = [ask if n % 3 else other(own.fileno()) for n in range(3 * AT_ONCE)]
        answered = netlink.send(*requests)
    kinds = [int.from_bytes(message[4:6], "little") for (message,) in answered]
    assert [kind == kinds[1] for kind in kinds] == [bool(n % 3) for n in range(3 * AT_ONCE)]


@pytest.mark.parametrize("position", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 7])
def test_a_refusal_says_which_request_it_was(position: int) -> None:
    requests = [messages.get_link("lo")] * (AT_ONCE + 8)
    requests[position] = messages.get_link("none-of-ours")
    with Netlink() as netlink:
        with pytest.raises(KernelRefusal) as caught:
            netlink.send(*requests)
        assert (caught.value.position, caught.value.errno) == (position, errno.ENODEV)
        assert caught.value.code == 104
        assert netlink.link("lo") is not None, "the conversation goes on"


def test_a_table_that_was_never_used_has_no_routes() -> None:
    with Netlink() as netlink:
        assert netlink.routes(socket.AF_INET, 4_000_000_001) == []
        assert netlink.routes(socket.AF_INET6, 4_000_000_001) == []


def test_addresses_of_a_device_are_of_the_family_that_was_asked_for() -> None:
    with Netlink() as netlink:
        both = netlink.addresses(LOOPBACK)
        assert [each for each in both if each.address.version == 4] == netlink.addresses(LOOPBACK, socket.AF_INET)


def test_closing_twice_is_no_error() -> None:
    netlink = Netlink()
    netlink.close()
    netlink.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        netlink.link("lo")
