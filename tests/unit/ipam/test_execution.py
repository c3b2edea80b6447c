"""What is executed gets its input, is heard to the end, and killed where that is too far off."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from conf.errors import TryAgain
from ipam.execution import AT_ONCE, LONGEST_ANSWER, AnswerTooLong, execute
from tests.agent.process import until

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


def test_so_many_at_a_time(tmp_path: Path) -> None:
    """Who has to wait for its turn until its time is over is told so, and nothing of it was run."""
    fifo, notes = tmp_path / "fifo", tmp_path / "notes"
    os.mkfifo(fifo)
    notes.touch()
    plugin = script(tmp_path, f"echo >> {notes}; read word < {fifo}; exit 0")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        running = [threads.submit(execute, plugin, b"", os.environ, (), SECONDS) for _ in range(AT_ONCE)]
        until(lambda: len(notes.read_text()) == AT_ONCE, "all that may are run")
        with pytest.raises(TryAgain, match=f"{AT_ONCE} others have run"):
            execute(plugin, b"", os.environ, (), 0.5)
        with fifo.open("w") as answers:
            answers.write("go\n" * AT_ONCE)
        assert [each.result() for each in running] == [(0, b"")] * AT_ONCE
    assert len(notes.read_text()) == AT_ONCE
    assert execute(script(tmp_path, "exit 3"), b"", os.environ, (), SECONDS)[0] == 3
