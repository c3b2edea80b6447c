"""What stands for an IPv4 address, or for no interface, in the clothes of something else."""

from __future__ import annotations

from typing import Any

import pytest

from conf.result import read_result
from conf.scalars import parse_cidr, parse_ip, parse_ip_or_cidr
from plugin.render import render_result


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("::ffff:10.1.0.5/120", "10.1.0.5/24"),
        ("::ffff:a01:5/128", "10.1.0.5/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::fffe:10.1.0.5/120", "::fffe:a01:5/120"),
        ("10.1.0.5/24", "10.1.0.5/24"),
        ("::/0", "::/0"),
    ],
)
def test_a_mapped_address_with_its_length(text: str, meant: str) -> None:
    assert str(parse_cidr(text)) == meant


def test_a_mapped_address_needs_a_length_of_96_or_more() -> None:
    with pytest.raises(ValueError, match=r"invalid CIDR address: ::ffff:10\.1\.0\.5/64; .* at least 96"):
        parse_cidr("::ffff:10.1.0.5/64")


def test_a_requested_address_may_have_any_length() -> None:
    assert str(parse_ip_or_cidr("::ffff:10.1.0.5/24")) == str(parse_ip("::ffff:10.1.0.5")) == "10.1.0.5"


RESULT: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "ips": [{"address": "::ffff:10.1.0.5/120", "gateway": "::ffff:10.1.0.1", "interface": -1}],
    "routes": [{"dst": "::ffff:10.44.0.0/112", "gw": "::ffff:10.1.0.7"}, {"dst": "10.45.0.0/16", "gw": "0.0.0.0"}],  # noqa: S104
}


def test_a_result_with_both() -> None:
    read = read_result(RESULT, "1.0.0", "prevResult")
    assert read.ips[0].interface is None
    written = render_result(read, "1.0.0").decode()
    assert '"address": "10.1.0.5/24"' in written
    assert '"gateway": "10.1.0.1"' in written
    assert '"dst": "10.44.0.0/16"' in written
    assert '"gw": "0.0.0.0"' in written
    assert "interface" not in written
