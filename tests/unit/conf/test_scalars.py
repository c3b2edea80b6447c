"""Addresses, networks and MACs in each spelling that CNI's Go library takes, and in no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from conf.scalars import parse_cidr, parse_ip, parse_ip_or_cidr, parse_mac
from tests.examples import SAME_EVERYWHERE


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.1.0.2", "10.1.0.2"),
        ("FD00:0:0::1", "fd00::1"),
        ("fd00::10.1.0.2", "fd00::a01:2"),
        ("::ffff:10.1.0.2", "10.1.0.2"),
        ("255.255.255.255", "255.255.255.255"),
        ("::", "::"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert str(parse_ip(text)) == address


@pytest.mark.parametrize(
    "text", ["", "10.1.2", "10.1.0.256", "010.1.0.2", "0x0a.1.0.2", "10.1.0.2/24", "fe80::1%eth0", " 10.1.0.2", 7, None]
)
def test_what_is_no_address(text: object) -> None:
    with pytest.raises(ValueError, match="invalid IP address"):
        parse_ip(text)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.0.2/24", "10.1.0.2/24"),
        ("10.1.0.2/032", "10.1.0.2/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("FD00::1/64", "fd00::1/64"),
    ],
)
def test_networks_keep_their_host_bits(text: str, network: str) -> None:
    assert str(parse_cidr(text)) == network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.1.0.2",
        "10.1.0.2/",
        "10.1.0.2/33",
        "fd00::1/129",
        "10.1.0.2/-1",
        "10.1.0.2/255.255.255.0",
        "10.1/16",
        "/24",
        "10.1.0.2/٨",
        24,
        None,
    ],
)
def test_what_is_no_network(text: object) -> None:
    with pytest.raises(ValueError, match="invalid CIDR address"):
        parse_cidr(text)


@SAME_EVERYWHERE
@given(st.ip_addresses())
def test_any_address_alone_or_with_a_length(address: object) -> None:
    alone = parse_ip_or_cidr(str(address))
    assert alone == parse_ip(str(address))
    if alone == IPAddress(str(address)):  # which an IPv4-mapped one is not
        assert parse_ip_or_cidr(f"{address}/{8}") == alone


@pytest.mark.parametrize(
    "text", ["02:00:00:aB:cD:eF", "02-00-00-AB-CD-EF", "0200.00ab.cdef"], ids=["colons", "dashes", "dots"]
)
def test_each_spelling_of_a_mac(text: str) -> None:
    assert parse_mac(text) == "02:00:00:ab:cd:ef"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("02:00:00:00:00", "six bytes are needed"),
        ("02:00:00:00:00:01:02:03", "six bytes are needed"),
        ("2:0:0:0:0:1", "six bytes are needed"),
        ("02:00-00:00:00:01", "six bytes are needed"),
        ("020000000001", "six bytes are needed"),
        ("02:00:00:00:00:0g", "six bytes are needed"),
        (b"\x02\0\0\0\0\1", "six bytes are needed"),
        ("01:00:5e:00:00:01", "multicast"),
        ("ff:ff:ff:ff:ff:ff", "multicast"),
        ("00:00:00:00:00:00", "all-zero"),
    ],
)
def test_what_is_no_mac_for_an_interface(text: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_mac(text)
