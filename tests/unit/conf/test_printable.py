"""Text from outside: what a terminal would obey is shown and not obeyed; all else stays as it is."""

from __future__ import annotations

import pytest

from conf.printable import LONGEST, printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lan 10.9.0.2 Zürich 東京", "lan 10.9.0.2 Zürich 東京"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("one\nFAKE LINE\r\ttab", "one\\nFAKE LINE\\r\\ttab"),
        ("\x7f\x85\x9b31m", "\\x7f\\x85\\x9b31m"),
        ("right \u202eto left, \u2028line", "right \\u202eto left, \\u2028line"),
        ("no character \udcff", "no character \\udcff"),
        ("", ""),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_shortened() -> None:
    assert shortened("x" * LONGEST) == "x" * LONGEST
    assert shortened("x" * (LONGEST + 7)) == "x" * LONGEST + "… and 7 characters more"
