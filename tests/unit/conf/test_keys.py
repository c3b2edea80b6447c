"""JSON keys in any case, as Go's encoding/json takes them, and hints for those that are misspelt."""

from __future__ import annotations

import pytest

from conf.keys import did_you_mean, fold_keys

KNOWN = ["master", "linkInContainer", "mtu"]


@pytest.mark.parametrize(
    ("values", "folded", "unknown"),
    [
        ({"MASTER": "eth0", "LinkinContainer": True}, {"master": "eth0", "linkInContainer": True}, []),
        ({"Master": "eth1", "master": "eth0"}, {"master": "eth0"}, []),
        ({"master": "eth0", "Master": "eth1"}, {"master": "eth0"}, []),
        ({"MTU": 1, "Mtu": 2}, {"mtu": 2}, []),
        ({"mtu": None, "MTU": 1}, {}, []),
        ({"mtu": 0, "master": ""}, {"mtu": 0, "master": ""}, []),
        ({"masters": "eth0", "mtu": 1, "x": None}, {"mtu": 1}, ["masters", "x"]),
    ],
)
def test_case_does_not_count(values: dict[str, object], folded: dict[str, object], unknown: list[str]) -> None:
    assert fold_keys(values, KNOWN) == (folded, unknown)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("mastr", 'did you mean "master"?'),
        ("LINKINCONTAINERS", 'did you mean "linkInContainer"?'),
        ("gateway", "known are linkInContainer, master, mtu"),
    ],
)
def test_hints(word: str, hint: str) -> None:
    assert did_you_mean(word, KNOWN) == hint
