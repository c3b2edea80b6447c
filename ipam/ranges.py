"""Arithmetic of address ranges: bounds, gateways, exclusions and the order in which addresses come.

Intervals are pairs of integers ``(first, last)``, both inclusive, in the numbering of their own family.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from netaddr import IPAddress, IPNetwork

from conf.errors import InvalidNetworkConfig, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from conf.ipam_config import RangeConfig

Interval = tuple[int, int]

V6: Final = 6
TINY: Final = 2
"""Subnets of up to so many addresses have neither network nor broadcast address (RFC 3021, RFC 6164)."""

V4_MAPPED: Final = IPNetwork("::ffff:0:0/96")
"""IPv4 in IPv6 clothes: such an address would be a second name of an IPv4 address, so no range may hold one."""


def canonical(address: IPAddress) -> str:
    """Write the address as Go's ``net.IP.String()`` does (RFC 5952; never a dotted quad inside IPv6, as glibc may)."""
    return str(IPv6Address(address.value) if address.version == V6 else IPv4Address(address.value))


@dataclass(frozen=True)
class Range:
    """Consecutive addresses of one subnet; ``exclude`` are merged, ascending intervals that are not given."""

    subnet: IPNetwork
    first: IPAddress
    last: IPAddress
    gateway: IPAddress | None = None
    exclude: tuple[Interval, ...] = ()

    def __str__(self) -> str:
        return f"{canonical(self.first)}-{canonical(self.last)}"

    def __contains__(self, address: IPAddress) -> bool:
        # Numbers: netaddr makes two keys for each comparison of addresses.
        return bool(self.first.value <= address.value <= self.last.value and address.version == self.first.version)

    def overlaps(self, other: Range) -> bool:
        """Tell whether an address lies in both."""
        return bool(self.first <= other.last and other.first <= self.last)

    def without(self, gateways: Sequence[int]) -> tuple[Interval, ...]:
        """Return the ascending intervals that may be given: all but ``exclude`` and the ascending gateways."""
        intervals = []
        start, end = self.first.value, self.last.value
        near = gateways[bisect_left(gateways, start) : bisect_right(gateways, end)]
        for low, high in merged((*self.exclude, *((each, each) for each in near))):
            if low > end:
                break
            if start < low:
                intervals.append((start, low - 1))
            start = max(start, high + 1)
        if start <= end:
            intervals.append((start, end))
        return tuple(intervals)


@dataclass(frozen=True)
class RangeSet:
    """Alternatives of one family out of which an attachment gets one address.

    ``index`` is the set's place in the configuration; ``gateways`` are those of the whole network, of every set, as
    ascending numbers of the set's family.
    """

    index: int
    ranges: tuple[Range, ...]
    gateways: tuple[int, ...] = ()

    @cached_property
    def key(self) -> str:
        """Canonical text, e.g. ``10.9.0.10-10.9.0.12,10.9.1.1-10.9.1.9``: the name of the set's place in a store."""
        return ",".join(map(str, self.ranges))

    @property
    def version(self) -> int:
        """The address family: 4 or 6."""
        return int(self.ranges[0].subnet.version)

    @cached_property
    def capacity(self) -> int:
        """How many addresses the set can give when none is taken."""
        return sum(last - first + 1 for first, last in self.intervals())

    def range_of(self, address: IPAddress) -> Range | None:
        """Return the range that spans the address, excluded or not; None if it is outside of all."""
        return next((each for each in self.ranges if address in each), None)

    def __contains__(self, address: IPAddress) -> bool:
        return self.range_of(address) is not None

    def gives(self, address: IPAddress) -> bool:
        """Tell whether the set may give the address: spanned, not excluded, no gateway."""
        value = address.value
        return address.version == self.version and any(low <= value <= high for low, high in self.intervals())

    def network_of(self, address: IPAddress) -> IPNetwork:
        """Return the address with its subnet's prefix length, as a result shows it: 10.1.0.5/24."""
        return IPNetwork((address.value, self._home(address).subnet.prefixlen), version=address.version)

    def gateway_of(self, address: IPAddress) -> IPAddress | None:
        """Return the gateway of the address's range, None if that has none."""
        return self._home(address).gateway

    def intervals(self, after: IPAddress | None = None) -> Iterator[Interval]:
        """Yield every interval that may be given, once round, beginning behind ``after``.

        ``after`` itself comes last. If it is None or outside of the ranges, the round begins with the first range.
        """
        begin = next((n for n, each in enumerate(self.ranges) if after in each), 0) if after is not None else 0
        if after is None or after not in self.ranges[begin]:
            for intervals in self._givable:
                yield from intervals
            return
        cut = after.value
        for low, high in self._givable[begin]:
            if high > cut:
                yield max(low, cut + 1), high
        for intervals in self._givable[begin + 1 :] + self._givable[:begin]:
            yield from intervals
        for low, high in self._givable[begin]:
            if low <= cut:
                yield low, min(high, cut)

    @cached_property
    def _givable(self) -> tuple[tuple[Interval, ...], ...]:
        return tuple(each.without(self.gateways) for each in self.ranges)

    def _home(self, address: IPAddress) -> Range:
        home = self.range_of(address)
        if home is None:
            text = f"{canonical(address)} is not in {self.key}"
            raise ValueError(text)
        return home


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same numbers as ascending intervals that neither overlap nor touch."""
    result: list[Interval] = []
    for low, high in sorted(intervals):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result


def range_sets(configs: tuple[tuple[RangeConfig, ...], ...]) -> tuple[RangeSet, ...]:
    """Turn what was written into ranges that are sound, alone and together; raises InvalidNetworkConfig.

    The beginning of each message is host-local's own text, for people and scripts that know it.
    """
    if not configs:
        text = "no IP ranges specified; set ipam.subnet, or ipam.ranges to a list of range sets"
        raise InvalidNetworkConfig(text, 'as in "ranges": [[{"subnet": "10.1.0.0/24"}]]', "ipam.ranges")
    sets, found = [], []
    for index, config in enumerate(configs):
        try:
            sets.append(_alternatives(index, config))
        except InvalidNetworkConfig as error:
            found.append(error)
    if found:
        raise together(found)
    for index, other in _overlaps([(index, each) for index, ranges in enumerate(sets) for each in ranges]):
        text = f"range set {index} overlaps with {other}; an address may be in one range set only"
        both = " and ".join(",".join(map(str, sets[each])) for each in (index, other))
        raise InvalidNetworkConfig(text, f"the sets are {both}", configs[other][0].where)
    found_gateways = {each.gateway for ranges in sets for each in ranges if each.gateway is not None}
    gateways = {
        version: tuple(sorted(each.value for each in found_gateways if each.version == version)) for version in (4, V6)
    }
    return tuple(RangeSet(index, ranges, gateways[ranges[0].subnet.version]) for index, ranges in enumerate(sets))


def _alternatives(index: int, configs: tuple[RangeConfig, ...]) -> tuple[Range, ...]:
    if not configs:
        raise _invalid(index, "empty range set", "give it a range, or remove the set", "ipam.ranges")
    ranges = tuple(_bounded(index, config) for config in configs)
    if len({each.subnet.version for each in ranges}) > 1:
        raise _invalid(
            index, "mixed address families", "put IPv4 and IPv6 ranges into range sets of their own", configs[0].where
        )
    for number, other in _overlaps(list(enumerate(ranges))):
        cure = "narrow one of them with rangeStart and rangeEnd"
        raise _invalid(index, f"subnets {ranges[number]} and {ranges[other]} overlap", cure, configs[number].where)
    return ranges


def _overlaps(ranges: list[tuple[int, Range]]) -> Iterator[tuple[int, int]]:
    """The numbers of neighbours that have an address in common: where no neighbours do, none do.

    Not each is compared with each other: of 2048 ranges that takes seconds, in which a thread holds the interpreter.
    """
    ordered = sorted(ranges, key=lambda each: (each[1].first.version, each[1].first.value))
    for (one, lower), (two, upper) in pairwise(ordered):
        if lower.first.version == upper.first.version and lower.last.value >= upper.first.value:
            yield min(one, two), max(one, two)


def _bounded(index: int, config: RangeConfig) -> Range:
    """Fill in the defaults of one range and see that all that it gives lies in its subnet."""
    subnet = config.subnet
    if subnet.value != subnet.first:
        network = canonical(IPAddress(subnet.first, subnet.version))
        text = f"For a subnet mask of length {subnet.prefixlen} the network address is {network}"
        cure = f'set subnet to "{network}/{subnet.prefixlen}"'
        raise _invalid(index, f"Network has host bits set. {text}", cure, f"{config.where}.subnet")
    if subnet.version == V6 and (subnet in V4_MAPPED or V4_MAPPED in subnet):
        cure = "write it as the IPv4 network it means" if subnet in V4_MAPPED else f"leave {V4_MAPPED} out of it"
        raise _invalid(index, "IPNet IP and Mask version mismatch", cure, f"{config.where}.subnet")
    first, last, gateway = _bounds(config)
    for key, address in (("RangeStart", first), ("RangeEnd", last), ("gateway", gateway)):
        # A gateway may be elsewhere: fe80::1 is on every link, and a route may lead to it.
        if address is None or address in subnet or (key == "gateway" and address.version == subnet.version):
            continue
        name = f"{key[0].lower()}{key[1:]}"
        text, cure = f"{key} {canonical(address)} not in network {subnet}", f"choose a {name} from {subnet.cidr}"
        raise _invalid(index, text, f"{cure}, or leave it out", f"{config.where}.{name}")
    if last < first:
        text = f"RangeStart {canonical(first)} not in network {subnet} up to its rangeEnd {canonical(last)}"
        raise _invalid(index, text, "exchange the two", f"{config.where}.rangeEnd")
    for hole in config.exclude:
        if hole not in subnet:
            text = f"exclude {hole.ip if hole.size == 1 else hole} not in network {subnet}"
            raise _invalid(index, text, f"exclude only what lies in {subnet}", f"{config.where}.exclude")
    return Range(subnet, first, last, gateway, tuple(merged((hole.first, hole.last) for hole in config.exclude)))


def _bounds(config: RangeConfig) -> tuple[IPAddress, IPAddress, IPAddress | None]:
    """Return first address, last address and gateway, each as configured or by default.

    All addresses of a tiny subnet are given, and it has a gateway only if one is configured. IPv6 has no broadcast.
    """
    subnet, first, last, gateway = config.subnet, config.range_start, config.range_end, config.gateway
    tiny = subnet.size <= TINY
    if first is None:
        first = IPAddress(subnet.first if tiny else subnet.first + 1, subnet.version)
    if last is None:
        last = IPAddress(subnet.last if tiny or subnet.version == V6 else subnet.last - 1, subnet.version)
    if gateway is None and not (tiny or config.no_gateway):
        gateway = IPAddress(subnet.first + 1, subnet.version)
    return first, last, gateway


def _invalid(index: int, text: str, cure: str, key: str) -> InvalidNetworkConfig:
    place = f"in ipam.ranges[{index}], counted from 0"
    return InvalidNetworkConfig(f"invalid range set {index}: {text}; {cure}", place, key)
