"""What is executed gets its input, is heard to the end, and killed where that is too far off."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ipam.execution import LONGEST_ANSWER, AnswerTooLong, execute

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60.0


def script(tmp_path: Path, text: str) -> str:
    """An executable with this text."""
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_input_and_answer(tmp_path: Path) -> None:
    stdin = b"x" * 3_000_000
    plugin = script(tmp_path, f"head -c {LONGEST_ANSWER}; exit $STATUS")
    assert execute(plugin, stdin, {**os.environ, "STATUS": "7"}, (), SECONDS) == (7, stdin[:LONGEST_ANSWER])


def test_input_that_is_not_read(tmp_path: Path) -> None:
    assert execute(script(tmp_path, "echo ok"), b"x" * 3_000_000, os.environ, (), SECONDS) == (0, b"ok\n")


def test_an_endless_answer(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(AnswerTooLong):
        execute(script(tmp_path, f"echo $$ >{tmp_path}/pid; exec cat /dev/zero"), b"", os.environ, (), SECONDS)
    assert time.monotonic() - began < SECONDS
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}")  # noqa: PTH110 - it is no file


@pytest.mark.parametrize("text", ["exec sleep 1000", "sleep 1000 & exit 0", "exec >&-; exec sleep 1000"])
def test_no_end(tmp_path: Path, text: str) -> None:
    with pytest.raises(TimeoutError):
        execute(script(tmp_path, text), b"", os.environ, (), 0.5)
