"""Settings that are lists: read as they stand, and refused by name where they are none."""

from __future__ import annotations

import pytest

from conf.errors import InvalidSettings
from conf.settings import Settings, parse_settings


def test_who_is_asked_before_the_link_goes() -> None:
    assert Settings().release_before_link == ("dhcp",)
    assert parse_settings(b'release_before_link = ["dhcp", "leaser"]', "s.toml").release_before_link == (
        "dhcp",
        "leaser",
    )
    assert parse_settings(b"release_before_link = []", "s.toml").release_before_link == ()


@pytest.mark.parametrize("value", ['"dhcp"', "true", "7", "[7]", '["dhcp", []]', "{}"])
def test_what_is_no_list_of_names_is_refused(value: str) -> None:
    with pytest.raises(
        InvalidSettings, match=r's\.toml: "release_before_link" = .*no list of strings, as in \["dhcp"\]'
    ):
        parse_settings(f"release_before_link = {value}".encode(), "s.toml")
