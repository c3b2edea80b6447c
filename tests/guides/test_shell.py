"""A step that does not go as the page says ends the reader's way."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.guides.page import Step
from tests.guides.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator


class Here:
    """This machine, which needs no network for it."""

    def spawn(self, *words: str, directory: Path, **variables: str) -> subprocess.Popen[str]:
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(words, cwd=directory, env={"PATH": "/usr/bin:/bin"} | variables, text=True, **pipes)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(Here(), tmp_path, WORD="one") as opened:
        yield opened


def test_directory_and_variables_last(shell: Shell) -> None:
    shell.follow(Step(1, "mkdir here; cd here; word=$WORD"))
    shell.follow(Step(2, "cat nothing", "...No such file...", fails=True))
    shell.follow(Step(3, "echo $word; basename $PWD >&2", "one\nhere"))


@pytest.mark.parametrize(
    "step",
    [
        Step(1, "echo one", "two"),
        Step(1, "false"),
        Step(1, "echo one; false", "one"),
        Step(1, "false\ntrue"),
        Step(1, "true", fails=True),
        Step(1, "echo one; false", "two", fails=True),
    ],
)
def test_what_does_not_come_true_is_told(shell: Shell, step: Step) -> None:
    with pytest.raises(AssertionError, match="line 1"):
        shell.follow(step)
