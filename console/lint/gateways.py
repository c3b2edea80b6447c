"""The gateways of a configuration that lie outside of the networks of its addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.ipam_config import IPV4, SCOPE_LINK
from console.lint.finding import Finding, doubtful
from ipam.ranges import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netaddr import IPAddress, IPNetwork

    from console.configs.meaning import Understood
    from console.lint.judge import Verdict


def outside(verdict: Verdict) -> Iterator[Finding]:
    """Gateways of ranges outside of their subnet, and other next hops that the kernel finds by no address and route.

    For a route's next hop it looks in narrower scopes alone: beyond link there are the node's own addresses.
    """
    meaning = verdict.meaning
    if meaning is None or not meaning.is_main or meaning.ipam is None:
        return
    for written, range_set in zip(meaning.ipam.ranges, meaning.range_sets, strict=True):
        for one, span in zip(written, range_set.ranges, strict=True):
            if span.gateway is not None and span.gateway not in span.subnet:
                text = f"gateway {canonical(span.gateway)} is outside of {span.subnet}: it has to be on the same link"
                cure = "right for a router's link-local address, or where a route leads to it; else name one inside"
                yield doubtful(verdict.plugin, f"{one.where}.gateway", f"{text}; {cure}")
    for number, route in enumerate(meaning.ipam.routes):
        by_gateway = route.dst.version == IPV4 and route.gw is not None and route.gw.value
        if by_gateway and route.scope is not None and route.scope >= SCOPE_LINK:
            text = f"a route of scope {route.scope} goes by no gateway: the kernel does not find {route.gw}; "
            yield doubtful(verdict.plugin, f"ipam.routes[{number}].scope", text + "leave out this key, or the gateway")
    near = _near(meaning)
    for hop, key in _others(meaning):
        if not hop.is_link_local() and not any(hop in each for each in near):
            text = f"{canonical(hop)} is in none of the network's subnets: the kernel refuses such routes"
            yield doubtful(verdict.plugin, key, f"{text}; name a gateway inside of the subnet")


def _near(meaning: Understood) -> list[IPNetwork]:
    """The networks that a container has an address in, or a route to."""
    near = [each.subnet for range_set in meaning.range_sets for each in range_set.ranges]
    if meaning.ipam is not None:
        near += [each.address.cidr for each in meaning.ipam.addresses]
        near += [route.dst for route in meaning.ipam.routes if route.dst.prefixlen and not route.gw]
    return near


def _others(meaning: Understood) -> Iterator[tuple[IPAddress, str]]:
    """The next hops that are no range's gateway, each once, and the keys for them."""
    config = meaning.ipam
    if config is None:
        return
    found = [(each.gateway, f"ipam.addresses[{number}].gateway") for number, each in enumerate(config.addresses)]
    found += [(route.gw, f"ipam.routes[{number}].gw") for number, route in enumerate(config.routes)]
    told: set[IPAddress] = set()
    for hop, key in found:
        if hop is not None and hop.value and hop not in told:
            told.add(hop)
            yield hop, key
