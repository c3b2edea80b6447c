"""stdin is read whole, once, and never waited for without end; what it is may be anything that a runtime has open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from plugin.stdin import MAX_STDIN

TREE = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from plugin.stdin import Stdin
stdin = Stdin(optional={optional}, seconds={seconds})
for _ in range(2):
    try:
        print(len(stdin.read()))
    except OSError as error:
        print(error)
"""


def read_twice(stdin: int | IO[bytes], *, optional: bool = False, seconds: float = 60) -> list[str]:
    """What two reads of this stdin come to: a length or an error each."""
    program = PROGRAM.format(optional=optional, seconds=seconds)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=TREE, stdin=stdin, capture_output=True, text=True, timeout=100, check=True)
    return done.stdout.splitlines()


def test_a_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"x" * 200_000)
    with (tmp_path / "config").open("rb") as stdin:
        assert read_twice(stdin) == ["200000", "200000"]


@pytest.mark.parametrize("more", [0, 1])
def test_the_largest_is_taken(tmp_path: Path, more: int) -> None:
    (tmp_path / "config").write_bytes(bytes(MAX_STDIN + more))
    with (tmp_path / "config").open("rb") as stdin:
        assert read_twice(stdin) == [[f"{MAX_STDIN}"] * 2, [f"more than {MAX_STDIN} bytes"] * 2][more]


def test_ten_thousand_attachments_fit() -> None:
    """What libcni sends with GC has the list under two keys."""
    listed = [{"containerID": "c" * 64, "ifname": "interface-name"}] * 10_000
    config = {"cni.dev/valid-attachments": listed, "cni.dev/attachments": listed}
    assert len(json.dumps(config)) < MAX_STDIN


@pytest.mark.parametrize("blocking", [True, False])
def test_one_that_does_not_end_is_given_up(*, blocking: bool) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, blocking)
    os.write(writer, b"{")
    assert read_twice(reader, seconds=0.5) == ["no end of it in 0.5 s"] * 2
    os.close(writer)
    os.close(reader)


def test_one_that_is_endless_is_given_up() -> None:
    with Path("/dev/zero").open("rb") as stdin:
        assert read_twice(stdin) == [f"more than {MAX_STDIN} bytes"] * 2


def test_an_optional_one_may_say_nothing() -> None:
    reader, writer = os.pipe()
    assert read_twice(reader, optional=True) == ["0", "0"]
    os.close(writer)
    os.close(reader)
