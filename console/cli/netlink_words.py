"""rtnetlink in words: what a request asks for, and what the kernel answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link import answers, rtnl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from link.answers import Link
    from link.messages import Message

HEADER = bytes(rtnl.NLMSGHDR_BYTES)
IFLA_NET_NS_FD = 28


def request(message: Message) -> str:
    """What one request wants."""
    whole = HEADER + message.payload
    if message.type in {rtnl.RTM_NEWLINK, rtnl.RTM_SETLINK, rtnl.RTM_DELLINK, rtnl.RTM_GETLINK}:
        return _about_link(message, answers.read_link(whole))
    if message.type == rtnl.RTM_NEWADDR:
        address = answers.read_address(whole)
        return f"add address {address.address} to interface {address.index}"
    if message.type == rtnl.RTM_GETADDR:
        return f"list addresses of interface {answers.read_address(whole).index}"
    if message.type == rtnl.RTM_NEWROUTE:
        route = answers.read_route(whole)
        via = f" via {route.route.gw}" if route.route.gw else ""
        return f"add route to {route.route.dst}{via} by interface {route.hops[0][0]}, table {route.route.table}"
    if message.type == rtnl.RTM_GETROUTE:
        return f"list routes of IPv{4 if message.payload[0] == rtnl.AF_INET else 6}"
    return f"message of type {message.type}"


def answer(message: Message, replies: Sequence[bytes]) -> str:
    """What the kernel answered to it."""
    if message.type == rtnl.RTM_GETLINK and replies:
        return "; ".join(map(_named, map(answers.read_link, replies)))
    if message.type == rtnl.RTM_GETADDR:
        found = [answers.read_address(reply) for reply in replies]
        return ", ".join(f"{each.address}{' tentative' if each.tentative else ''}" for each in found) or "none"
    return f"{len(replies)} found" if replies else "done"


def _about_link(message: Message, link: Link) -> str:
    which = f'"{link.name}"' if link.name else f"{link.index}"
    if message.type == rtnl.RTM_DELLINK:
        return f"delete interface {link.index}"
    if message.type == rtnl.RTM_GETLINK:
        return "list interfaces" if message.flags & rtnl.NLM_F_DUMP == rtnl.NLM_F_DUMP else f"look at interface {which}"
    if message.type == rtnl.RTM_NEWLINK:
        wishes = [f"mode {link.mode}"] * bool(link.mode) + [f"mtu {link.mtu}"] * bool(link.mtu)
        wishes += [f"MAC {link.mac}"] * bool(link.mac)
        parent = f" on interface {link.parent}" if link.parent else ""
        attributes = answers.read_attributes(message.payload, rtnl.IFINFOMSG.size)
        where = ", in the container's namespace" * (IFLA_NET_NS_FD in attributes)
        return f"create {link.kind} {which}{parent}{''.join(f', {wish}' for wish in wishes)}{where}"
    if link.alias:
        return f'mark interface {link.index} "{link.alias}"'
    if link.name:
        return f'rename interface {link.index} to "{link.name}"'
    return f"set interface {link.index} {'up' if link.up else 'down'}"


def _named(link: Link) -> str:
    parent = f" on {link.parent}" if link.parent else ""
    state = "up" if link.up else "down"
    return f"{link.index}: {link.name} {link.kind or 'hardware'}{parent}, {state}, mtu {link.mtu}, {link.mac}"
