"""Who may ask the agent: its own user and nobody else."""

from __future__ import annotations

import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import Agent, until
from tests.agent.protocol import version

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
CONNECT = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.settimeout(30)
try:
    client.connect(sys.argv[1])
    print(client.recv(100))
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that every user can reach."""
    made = Path(tempfile.mkdtemp(prefix="cmv-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def connected_as(user: int, path: Path) -> str:
    """What a process of that user reads from the socket, or the error that it gets."""
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all"] if user else []
    done = subprocess.run(
        [*become, "/usr/bin/python3", "-IS", "-c", CONNECT, str(path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_another_user(open_place: Path) -> None:
    with Agent(open_place / "agent.sock") as agent:
        assert stat.S_IMODE(agent.socket.stat().st_mode) == 0o600
        assert connected_as(NOBODY, agent.socket) == "PermissionError"
        assert connected_as(0, agent.socket).startswith("b'CMV1")
        agent.socket.chmod(0o666)
        assert connected_as(NOBODY, agent.socket) == "b''"
        until(lambda: f"of user {NOBODY} was turned away" in agent.log.read_text(), "it is logged")
        assert version(agent.socket)
