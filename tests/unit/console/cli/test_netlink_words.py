"""What `trace` says of requests to the kernel, in the words of who typed them into `ip`."""

from __future__ import annotations

import socket

import pytest
from netaddr import IPAddress, IPNetwork

from conf.ipam_config import Route
from console.cli import netlink_words
from link import messages
from link.answers import Link
from link.messages import MacvlanAttributes, Message
from link.netlink import Netlink

MASTER = Link(3, "eth0", "", "", 1500, True, True, True, 0, None, 0, "", "", "")  # noqa: FBT003 - a link's own fields
MAC = "02:00:00:00:00:01"
WHOLE = MacvlanAttributes("tmp1", MASTER, "vepa", mtu=1400, mac=MAC)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (messages.get_link("eth0"), 'look at interface "eth0"'),
        (messages.get_link(index=3), "look at interface 3"),
        (messages.dump_links(), "list interfaces"),
        (
            messages.create_macvlan(WHOLE, 9),
            f'create macvlan "tmp1" on interface 3, mode vepa, mtu 1400, MAC {MAC}, in the container\'s namespace',
        ),
        (
            messages.create_macvlan(MacvlanAttributes("tmp1", MASTER, "bridge"), None),
            'create macvlan "tmp1" on interface 3, mode bridge',
        ),
        (messages.create_device("veth", "v0"), 'create veth "v0"'),
        (messages.set_alias(7, "mark"), 'mark interface 7 "mark"'),
        (messages.rename_link(7, "net1"), 'rename interface 7 to "net1"'),
        (messages.set_up(7), "set interface 7 up"),
        (messages.set_down(7), "set interface 7 down"),
        (messages.delete_link(7), "delete interface 7"),
        (messages.add_address(7, IPNetwork("10.1.0.2/24")), "add address 10.1.0.2/24 to interface 7"),
        (messages.dump_addresses(7), "list addresses of interface 7"),
        (
            messages.add_route(7, Route(IPNetwork("::/0"), IPAddress("fd00::1"), table=1000)),
            "add route to ::/0 via fd00::1 by interface 7, table 1000",
        ),
        (
            messages.add_route(7, Route(IPNetwork("10.2.0.0/16"))),
            "add route to 10.2.0.0/16 by interface 7, table 254",
        ),
        (messages.dump_routes(socket.AF_INET6, 254), "list routes of IPv6"),
        (messages.get_namespace_number(9), "message of type 90"),
    ],
)
def test_each_request_has_its_words(message: Message, said: str) -> None:
    assert netlink_words.request(message) == said


def test_what_the_kernel_answered() -> None:
    ask = messages.get_link("lo")
    with Netlink() as netlink:
        ((answer,),) = netlink.send(ask)
    assert netlink_words.answer(ask, [answer]).startswith("1: lo hardware, ")
    assert netlink_words.answer(messages.set_up(7), []) == "done"
    assert netlink_words.answer(messages.dump_addresses(7), []) == "none"
    assert netlink_words.answer(messages.dump_routes(socket.AF_INET, 254), [b"", b""]) == "2 found"
