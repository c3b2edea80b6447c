"""A root's shell on a machine, which follows a page step by step."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol, Self

from tests.machine import SECONDS
from tests.namespaces import fresh_suffix

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.guides.page import Step


class Place(Protocol):
    """A machine, or whatever else a shell can be opened on."""

    def spawn(self, *words: str, directory: Path, **variables: str) -> subprocess.Popen[str]:
        """Start a program with pipes to what it reads and from what it writes."""


class Shell:
    """One bash for all steps, as a reader has one: directories and variables last. The first failure ends it."""

    def __init__(self, place: Place, directory: Path, **variables: str) -> None:
        self._marker = f"done-{fresh_suffix()}"
        self._process = place.spawn("bash", "-euo", "pipefail", directory=directory, **variables)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def follow(self, step: Step) -> None:
        """Do what the step says, which has to succeed or fail as the page says, and to answer what it shows."""
        limit = threading.Timer(SECONDS, self._process.kill)
        limit.start()
        output, ended = self._answer(step.command, "&& exit" if step.fails else "")
        limit.cancel()
        told = f"line {step.line}: {step.command}\n{output}"
        why = "succeeded" if step.fails else "failed"
        assert ended, f"{why}, or took more than {SECONDS:.0f} s: {told}"
        assert step.came_true(output), f"the page shows\n{step.output}\nbut {told}"

    def _answer(self, command: str, then: str) -> tuple[str, bool]:
        typed, shown = self._process.stdin, self._process.stdout
        assert typed
        assert shown
        typed.write(f"{{ {command.rstrip()}\n}} 2>&1 </dev/null {then}\necho {self._marker}\n")
        typed.flush()
        output = ""
        for line in shown:
            before, marked, _ = line.partition(self._marker)
            output += before
            if marked:
                return output, True
        return output, False
