"""A macvlan on a real master in a namespace that is thrown away: whether it can be made, and who answers it."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from link import macvlan, messages, sysctl
from link.macvlan import Place
from link.messages import MacvlanAttributes
from link.netlink import Netlink
from link.netns import throw_away

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from netaddr import IPAddress

    from link.answers import Link
    from link.netns import Namespace

NAME: Final = "try0"
LOOPBACK: Final = 1
"""The ifindex of ``lo`` in every namespace (LOOPBACK_IFINDEX)."""
ANSWER_SECONDS: Final = 4.0
"""The kernel asks three times, a second apart (mcast_solicit and retrans_time of its neighbour tables)."""
QUIET: Final = {"accept_dad": "0", "accept_ra": "0", "router_solicitations": "0"}
"""IPv6's own traffic on a new interface, which nobody needs; without DAD its link-local address is there at once."""


@contextmanager
def child(master: Link) -> Iterator[tuple[Namespace, Netlink, Link]]:
    """A child of the master that is down, where it lives, and a socket there. Raises CniError as ADD does."""
    with throw_away() as namespace, ExitStack() as undo:
        outside = undo.enter_context(Netlink())
        with namespace.entered():
            inside = undo.enter_context(Netlink())
        wanted = MacvlanAttributes(NAME, master, "bridge")
        place = Place(outside, inside, namespace)
        # Removed here: with its namespace alone it would go at the kernel's leisure.
        yield namespace, inside, macvlan.create(place, wanted, "doctor", undo)


def silent(master: Link, addresses: Collection[IPAddress]) -> set[IPAddress]:
    """Those of the addresses for which nobody on the master's LAN answers ARP or neighbour discovery within 4 s.

    The questions come from no address, or from a link-local one: nobody remembers a new neighbour. Raises CniError, or
    OSError for a namespace that cannot be made.
    """
    with child(master) as (namespace, inside, link):
        with namespace.entered():
            changes = Netlink()
            # Without IPv6, or with a read-only /proc/sys, of which other checks tell, the kernel asks a little later.
            with suppress(OSError):
                for key, value in QUIET.items():
                    sysctl.write("ipv6", link.name, key, value)
        with changes:
            changes.subscribe_neighbours()
            # Before lo is up there is no table of local addresses, and IPv4 takes every address for a broadcast one.
            inside.send(messages.set_up(LOOPBACK), messages.set_up(link.index))
            inside.send(*(messages.ask_neighbour(link.index, each) for each in addresses))
            return _unanswered(inside, changes, link.index, set(addresses))


def _unanswered(inside: Netlink, changes: Netlink, index: int, asked: set[IPAddress]) -> set[IPAddress]:
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        found = {each.address: each for each in inside.neighbours(index)}
        open_ones = {each for each in asked if each not in found or not (found[each].known or found[each].failed)}
        left = deadline - time.monotonic()
        if not open_ones or left <= 0:
            return {each for each in asked if each not in found or not found[each].known}
        changes.wait(left)
