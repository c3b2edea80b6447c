"""Processes started as cheaply as can be, the same way for every contender, and what each of them cost."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.agent import Agent

PATIENCE: Final = 120  # seconds for one call, or for one burst
REST: Final = 0.003  # seconds after a call, in which an agent finishes what its caller need not wait for
ANSWER: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class Failed(Exception):
    """A call that was to be measured failed; the text has its answer."""


@dataclass(frozen=True)
class Call:
    """One execution of a plugin: stdin is read from a file, stdout written to one."""

    executable: str
    variables: Mapping[str, str]
    stdin: str
    stdout: str

    def start(self) -> int:
        """Start it and return its process id."""
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, self.stdin, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, self.stdout, ANSWER, 0o600),
        ]
        return os.posix_spawn(self.executable, [self.executable], self.variables, file_actions=actions)

    def require_success(self, status: int) -> None:
        """Raise Failed for a wait status other than that of success."""
        if status:
            verb = self.variables.get("CNI_COMMAND", "")
            raise Failed(f"{self.executable} {verb}: wait status {status}: {Path(self.stdout).read_text()}")


@dataclass(frozen=True)
class Cost:
    """What a call took, in milliseconds: of the clock, and of processors, its children's and the agent's included."""

    wall: float
    cpu: float


def run(call: Call, agent: Agent | None = None) -> Cost:
    """Run one call alone; raises Failed."""
    signal.alarm(PATIENCE)
    used_before = agent.cpu_seconds() if agent else 0.0
    begin = time.perf_counter()
    _, status, usage = os.wait4(call.start(), 0)
    wall = time.perf_counter() - begin
    call.require_success(status)
    time.sleep(REST)
    used = agent.cpu_seconds() - used_before if agent else 0.0
    signal.alarm(0)
    return Cost(wall * 1e3, (usage.ru_utime + usage.ru_stime + used) * 1e3)


def run_many(calls: Sequence[Call], at_once: int) -> float:
    """Run calls, so many at a time; returns the seconds until the last has ended. Raises Failed."""
    signal.alarm(PATIENCE)
    running: dict[int, Call] = {}
    failures: list[Failed] = []

    def wait_for_one() -> None:
        pid, status = os.wait()
        try:
            running.pop(pid).require_success(status)
        except Failed as failure:
            failures.append(failure)

    begin = time.perf_counter()
    for call in calls:
        if len(running) == at_once:
            wait_for_one()
        running[call.start()] = call
    while running:
        wait_for_one()
    took = time.perf_counter() - begin
    signal.alarm(0)
    if failures:
        raise failures[0]
    return took
