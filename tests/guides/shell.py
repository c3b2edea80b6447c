"""A root's shell on a machine, which follows a guide step by step."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from tests.namespaces import fresh_suffix

if TYPE_CHECKING:
    from pathlib import Path

    from tests.guides.page import Step
    from tests.machine import Machine

SECONDS = 60.0


class Shell:
    """One bash for all steps, as a reader has one: directories and variables last. The first failure ends it."""

    def __init__(self, machine: Machine, directory: Path, **variables: str) -> None:
        self._marker = f"done-{fresh_suffix()}"
        self._process = machine.spawn("bash", "-euo", "pipefail", directory=directory, **variables)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def follow(self, step: Step) -> None:
        """Do what the step says, which has to succeed and to answer what the page shows."""
        limit = threading.Timer(SECONDS, self._process.kill)
        limit.start()
        output, ended = self._answer(step.command)
        limit.cancel()
        told = f"line {step.line}: {step.command}\n{output}"
        assert ended, f"failed, or took more than {SECONDS:.0f} s: {told}"
        assert step.came_true(output), f"the page shows\n{step.output}\nbut {told}"

    def _answer(self, command: str) -> tuple[str, bool]:
        typed, shown = self._process.stdin, self._process.stdout
        assert typed
        assert shown
        typed.write(f"{{ {command.rstrip()}\n}} 2>&1 </dev/null\necho {self._marker}\n")
        typed.flush()
        output = ""
        for line in shown:
            before, marked, _ = line.partition(self._marker)
            output += before
            if marked:
                return output, True
        return output, False
