"""Gateways by which the kernel refuses every route, since nothing of their network leads to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netaddr import IPNetwork

from ipam.ranges import V6
from plugin.lint.finding import Finding, doubtful

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugin.survey.understood import Understood


def outside(meaning: Understood) -> Iterator[Finding]:
    """Ranges whose gateway is in none of the subnets and behind no route; fe80::1 and the like are on every link."""
    if meaning.ipam is None:
        return
    near = [each.subnet for range_set in meaning.range_sets for each in range_set.ranges]
    near += [route.dst for route in meaning.ipam.routes if route.gw is None and route.dst.prefixlen]
    for written, range_set in zip(meaning.ipam.ranges, meaning.range_sets, strict=True):
        for one, made in zip(written, range_set.ranges, strict=True):
            gateway = made.gateway
            if gateway is None or (gateway.version == V6 and gateway.is_link_local()):
                continue
            if not any(gateway in each for each in near):
                message = (
                    f"gateway {gateway} is outside of {made.subnet}, and the kernel refuses routes by it; choose a "
                    f'gateway from there, or have a route {{"dst": "{IPNetwork(gateway)}"}} lead to it'
                )
                yield doubtful(meaning.plugin, f"{one.where}.gateway", message)
