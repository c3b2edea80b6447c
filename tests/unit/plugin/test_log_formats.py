"""A line of the log for programs has what is known of its call, and nothing of what is not."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from plugin.log_formats import JsonFormatter, facts

KNOWN: dict[str, Any] = {"verb": "ADD", "network": "lan", "container_id": "", "code": 107, "duration_ms": 0}


def record(message: str, *, error: BaseException | None = None, **known: Any) -> logging.LogRecord:  # noqa: ANN401 - whatever a line knows
    made = logging.LogRecord("cni", logging.WARNING, "", 0, message, (), (type(error), error, None) if error else None)
    made.__dict__.update(known)
    made.created, made.msecs = 1_700_000_000.007, 7.0
    return made


def test_a_line_is_one_object_with_the_time_in_utc() -> None:
    line = JsonFormatter().format(record("no address is left", **KNOWN))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.007Z",
        "level": "warning",
        "verb": "ADD",
        "network": "lan",
        "code": 107,
        "duration_ms": 0,
        "message": "no address is left",
    }


@pytest.mark.parametrize("message", ["two\nlines", 'a "quote" \\', "\udcff", "\x1b[2J\0"])
def test_any_message_stays_in_its_line(message: str) -> None:
    line = JsonFormatter().format(record(message))
    assert line.isprintable()
    assert json.loads(line)["message"] == message


def test_a_traceback_is_inside_the_message() -> None:
    line = JsonFormatter().format(record("a bug", error=ValueError("of ours")))
    assert line.isprintable()
    assert json.loads(line)["message"].splitlines() == ["a bug", "ValueError: of ours"]


def test_a_status_of_0_is_known_and_an_empty_name_is_not() -> None:
    assert facts(record("done", code=0, verb="")) == {"code": 0}
    assert facts(record("done", stranger=sys.maxsize)) == {}
