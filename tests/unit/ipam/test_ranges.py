"""Which addresses a range set can give, in which order, and which configurations are refused."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from conf.errors import InvalidNetworkConfig
from conf.ipam import MOST_RANGES
from conf.ipam_config import RangeConfig
from ipam.ranges import canonical, merged, range_sets
from tests.examples import SAME_EVERYWHERE
from tests.unit.ipam.builders import sets, span

NET = IPAddress("10.1.0.0").value


@pytest.mark.parametrize(
    ("config", "key", "gateway", "capacity"),
    [
        (span("10.1.0.0/24"), "10.1.0.1-10.1.0.254", "10.1.0.1", 253),
        (span("10.1.0.0/30"), "10.1.0.1-10.1.0.2", "10.1.0.1", 1),
        (span("10.1.0.0/30", gateway="none"), "10.1.0.1-10.1.0.2", None, 2),
        (span("10.1.0.0/24", "10.1.0.0", "10.1.0.255"), "10.1.0.0-10.1.0.255", "10.1.0.1", 255),
        (span("10.1.0.0/24", "10.1.0.10", "10.1.0.12"), "10.1.0.10-10.1.0.12", "10.1.0.1", 3),
        (span("10.1.0.0/24", gateway="10.1.0.254"), "10.1.0.1-10.1.0.254", "10.1.0.254", 253),
        (span("10.1.0.0/31"), "10.1.0.0-10.1.0.1", None, 2),
        (span("10.1.0.0/31", gateway="10.1.0.0"), "10.1.0.0-10.1.0.1", "10.1.0.0", 1),
        (span("0.0.0.0/30", str(IPAddress(0, 4))), "0.0.0.0-0.0.0.2", "0.0.0.1", 2),
        (span("10.1.0.7/32"), "10.1.0.7-10.1.0.7", None, 1),
        (span("fd00::/64"), "fd00::1-fd00::ffff:ffff:ffff:ffff", "fd00::1", 2**64 - 2),
        (span("fd00::/127"), "fd00::-fd00::1", None, 2),
        (span("fd00::9/128"), "fd00::9-fd00::9", None, 1),
        (span("10.1.0.0/28", exclude=("10.1.0.4/30", "10.1.0.6", "10.1.0.8")), "10.1.0.1-10.1.0.14", "10.1.0.1", 8),
        (span("10.1.0.0/28", exclude=("10.1.0.9/30",)), "10.1.0.1-10.1.0.14", "10.1.0.1", 9),
        (span("10.1.0.0/28", exclude=("10.1.0.0/28",)), "10.1.0.1-10.1.0.14", "10.1.0.1", 0),
    ],
)
def test_defaults(config: RangeConfig, key: str, gateway: str | None, capacity: int) -> None:
    (range_set,) = sets(config)
    assert range_set.key == key
    assert range_set.capacity == capacity
    assert range_set.ranges[0].gateway == (IPAddress(gateway) if gateway else None)


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ((), "no IP ranges specified; "),
        (((),), "invalid range set 0: empty range set; "),
        (
            ((span("10.1.0.1/24"),),),
            (
                "invalid range set 0: Network has host bits set. "
                "For a subnet mask of length 24 the network address is 10.1.0.0; "
            ),
        ),
        (
            ((span("10.1.0.0/24", "10.2.0.1"),),),
            "invalid range set 0: RangeStart 10.2.0.1 not in network 10.1.0.0/24; ",
        ),
        (
            ((span("10.1.0.0/24", None, "10.2.0.1"),),),
            "invalid range set 0: RangeEnd 10.2.0.1 not in network 10.1.0.0/24; ",
        ),
        (((span("10.1.0.0/24", "fd00::1"),),), "invalid range set 0: RangeStart fd00::1 not in network 10.1.0.0/24; "),
        (
            ((span("10.1.0.0/24", "10.1.0.9", "10.1.0.4"),),),
            "invalid range set 0: RangeStart 10.1.0.9 not in network 10.1.0.0/24 up to its rangeEnd 10.1.0.4; ",
        ),
        (
            ((span("10.1.0.0/24"), span("fd00::/64")),),
            "invalid range set 0: mixed address families; ",
        ),
        (
            ((span("10.1.0.0/24"), span("10.1.0.0/25")),),
            "invalid range set 0: subnets 10.1.0.1-10.1.0.254 and 10.1.0.1-10.1.0.126 overlap; ",
        ),
        (((span("10.1.0.0/24"),), (span("10.1.0.0/25"),)), "range set 0 overlaps with 1; "),
        (
            ((span("10.9.0.0/24"),), (span("10.1.0.0/24", gateway="fd00::1"),)),
            "invalid range set 1: gateway fd00::1 not in network 10.1.0.0/24; ",
        ),
        (
            ((span("10.1.0.0/24", exclude=("10.1.1.0",)),),),
            "invalid range set 0: exclude 10.1.1.0 not in network 10.1.0.0/24; ",
        ),
        (
            ((span("10.1.0.0/24", exclude=("10.0.0.0/8",)),),),
            "invalid range set 0: exclude 10.0.0.0/8 not in network 10.1.0.0/24; ",
        ),
        (((span("::ffff:10.1.0.0/120"),),), "invalid range set 0: IPNet IP and Mask version mismatch; "),
        (((span("::/0"),),), "invalid range set 0: IPNet IP and Mask version mismatch; "),
    ],
)
def test_refused(configs: tuple[tuple[RangeConfig, ...], ...], message: str) -> None:
    with pytest.raises(InvalidNetworkConfig) as caught:
        range_sets(configs)
    assert caught.value.msg.startswith(message)
    assert len(caught.value.msg) > len(message), "the cure is missing"


@pytest.mark.parametrize(
    ("subnet", "gateway"), [("10.1.0.0/24", "10.2.0.1"), ("fd00::/64", "fe80::1"), ("fd00::/64", "fd01::1")]
)
def test_a_gateway_may_be_outside_of_the_subnet(subnet: str, gateway: str) -> None:
    (made,) = range_sets(((span(subnet, gateway=gateway),),))
    given, other = made.ranges[0].first, IPAddress(gateway)
    assert (made.gateway_of(given), made.gives(given), made.gives(other)) == (other, True, False)


def test_ranges_of_one_subnet_may_be_alternatives_and_sets() -> None:
    one, two = sets(
        (span("10.1.0.0/24", "10.1.0.20", "10.1.0.29"), span("10.1.0.0/24", "10.1.0.10", "10.1.0.15")),
        span("10.1.0.0/24", "10.1.0.40", "10.1.0.49", gateway="10.1.0.25"),
    )
    assert one.key == "10.1.0.20-10.1.0.29,10.1.0.10-10.1.0.15"
    assert list(one.intervals()) == [(NET + 20, NET + 24), (NET + 26, NET + 29), (NET + 10, NET + 15)]
    assert not one.gives(IPAddress("10.1.0.25")), "another set's gateway is somebody's gateway"
    assert two.index == 1


def test_an_address_knows_its_subnet_and_gateway() -> None:
    (range_set,) = sets((span("10.1.0.0/24"), span("10.2.0.0/16", gateway="none")))
    assert range_set.network_of(IPAddress("10.2.3.4")) == IPNetwork("10.2.3.4/16")
    assert str(range_set.network_of(IPAddress("10.1.0.9"))) == "10.1.0.9/24"
    assert range_set.gateway_of(IPAddress("10.1.0.9")) == IPAddress("10.1.0.1")
    assert range_set.gateway_of(IPAddress("10.2.0.9")) is None
    with pytest.raises(ValueError, match=r"10\.3\.0\.1 is not in"):
        range_set.network_of(IPAddress("10.3.0.1"))


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("::1:2", "::1:2"),
        ("fd00:5:0:0:0:0:0:2", "fd00:5::2"),
        ("2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"),
        ("2001:0:0:1:0:0:1:1", "2001::1:0:0:1:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("FD00::ABCD", "fd00::abcd"),
        ("10.1.0.1", "10.1.0.1"),
    ],
)
def test_addresses_are_written_as_go_writes_them(address: str, text: str) -> None:
    assert canonical(IPAddress(address)) == text


offsets = st.integers(0, 63)
holes = st.lists(st.tuples(offsets, st.integers(30, 32)), max_size=6)


@SAME_EVERYWHERE
@given(holes, st.lists(st.tuples(offsets, offsets), min_size=1, max_size=3), offsets, st.none() | offsets)
def test_a_round_gives_every_address_once_and_ends_where_it_began(
    excluded: list[tuple[int, int]], bounds: list[tuple[int, int]], gateway: int, after: int | None
) -> None:
    configs = tuple(
        span(
            f"10.{number}.0.0/26",
            f"10.{number}.0.{min(bound)}",
            f"10.{number}.0.{max(bound)}",
            f"10.{number}.0.{gateway}",
            tuple(f"10.{number}.0.{host}/{prefix}" for host, prefix in excluded),
        )
        for number, bound in enumerate(bounds)
    )
    (range_set,) = sets(configs)
    barred = {host for network in configs[0].exclude for host in range(network.first & 0xFF, (network.last & 0xFF) + 1)}
    expected = [
        IPAddress(f"10.{number}.0.{host}")
        for number, bound in enumerate(bounds)
        for host in range(min(bound), max(bound) + 1)
        if host not in barred and host != gateway
    ]
    begin = None if after is None else IPAddress(f"10.{len(bounds) - 1}.0.{after}")
    given = [IPAddress(n, 4) for low, high in range_set.intervals(begin) for n in range(low, high + 1)]
    assert sorted(given) == expected
    assert range_set.capacity == len(expected)
    assert all(map(range_set.gives, expected))
    if begin is not None and begin in range_set:
        cut = sum(each <= begin for each in expected)
        assert given == expected[cut:] + expected[:cut]
    else:
        assert given == expected


@SAME_EVERYWHERE
@given(st.lists(st.tuples(offsets, offsets).map(lambda pair: (min(pair), max(pair)))))
def test_merged_intervals_have_the_same_numbers_and_gaps_between(intervals: list[tuple[int, int]]) -> None:
    result = merged(intervals)
    numbers = {n for low, high in intervals for n in range(low, high + 1)}
    assert {n for low, high in result for n in range(low, high + 1)} == numbers
    assert all(one[1] + 1 < two[0] for one, two in itertools.pairwise(result))


@pytest.mark.parametrize("in_one_set", [True, False], ids=["one set", "a set each"])
def test_as_many_ranges_as_there_may_be_take_no_second(in_one_set: bool) -> None:  # noqa: FBT001 - a parameter
    """Each has its gateway, and none is compared with each other."""
    configs = tuple(span(f"10.{number // 256}.{number % 256}.0/24") for number in range(MOST_RANGES))
    began = time.process_time()
    made = range_sets((configs,) if in_one_set else tuple((each,) for each in configs))
    assert sum(each.capacity for each in made) == 253 * MOST_RANGES
    assert time.process_time() - began < 1


def test_an_overlap_is_found_wherever_it_is() -> None:
    configs = [(span(f"10.{number // 256}.{number % 256}.0/24"),) for number in range(MOST_RANGES)]
    configs[3] = (span("10.7.0.0/16", "10.7.9.9", "10.7.10.1"),)
    with pytest.raises(InvalidNetworkConfig, match=f"range set 3 overlaps with {7 * 256 + 9}; "):
        range_sets(tuple(configs))
