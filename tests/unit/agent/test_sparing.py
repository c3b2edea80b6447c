"""Log lines that others cause are bounded, and what is left out is told."""

from __future__ import annotations

import importlib
import logging
import pkgutil

import agent
from agent.sparing import LINES, SECONDS, Sparing


class Desk:
    """A logger at a time that the test sets, and what it has written."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.written: list[str] = []
        self.log = logging.Logger("desk")  # noqa: LOG001 - nobody else's, and gone with the test
        self.log.addFilter(Sparing(lambda: self.now))
        handler = logging.Handler()
        handler.emit = lambda record: self.written.append(record.getMessage())  # type: ignore[method-assign]
        self.log.addHandler(handler)


def test_a_kind_of_line_is_written_so_often_and_no_more() -> None:
    desk = Desk()
    for number in range(LINES * 10):
        desk.log.warning("process %d was turned away", number)
    assert desk.written == [
        *[f"process {number} was turned away" for number in range(LINES - 1)],
        f"process {LINES - 1} was turned away (more of these are not told for a while)",
    ]


def test_what_was_left_out_is_told_with_the_next_line() -> None:
    desk = Desk()
    for _ in range(LINES + 7):
        desk.log.warning("again")
    desk.written.clear()
    desk.now += SECONDS - 1
    desk.log.warning("again")
    assert desk.written == []
    desk.now += 1
    desk.log.warning("again")
    desk.now += SECONDS
    desk.log.warning("again")
    assert desk.written == ["again (8 more of these before it)", "again"]


def test_whoever_logs_in_an_agent_is_sparing() -> None:
    """Its lines are about those who connect; what it logs of a call is as much as a call without it would."""
    names = [f"agent.{each.name}" for each in pkgutil.iter_modules(agent.__path__)]
    loggers = {name: vars(importlib.import_module(name)).get("log") for name in names}
    lavish = {name for name, log in loggers.items() if isinstance(log, logging.Logger) and not is_sparing(log)}
    assert lavish == set()


def is_sparing(log: logging.Logger) -> bool:
    return any(isinstance(each, Sparing) for each in log.filters)


def test_kinds_do_not_hide_each_other() -> None:
    desk = Desk()
    for _ in range(LINES + 1):
        desk.log.warning("often %s", "x")
    desk.log.warning("rare")
    assert desk.written[-1] == "rare"
