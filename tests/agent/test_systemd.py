"""The agent under systemd: handed its socket, and telling what systemd wants to be told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import Agent, until
from tests.agent.protocol import VERSION, Conversation, version
from tests.runtime import DOOR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUEUED = 40


@pytest.fixture
def activated(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """systemd-socket-activate, which becomes the agent at the first connection; and the socket's path."""
    path = tmp_path / "agent.sock"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            ["systemd-socket-activate", f"--listen={path}", DOOR, "agent"],
            env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    until(lambda: _answers(path), "systemd listens")
    yield process, path
    assert process.wait(30) == 0, (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def _answers(path: Path) -> bool:
    """Whether somebody does; a socket exists a moment before it listens."""
    try:
        return bool(version(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return False


def test_socket_activation(activated: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, path = activated
    assert json.loads(version(path))["cniVersion"] == "1.0.0"
    assert version(path)
    process.terminate()
    process.wait(30)
    assert path.exists(), "the socket is systemd's, and listens on"


def test_socket_activation_serves_who_is_in_the_queue(activated: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, path = activated
    assert version(path)
    process.send_signal(signal.SIGSTOP)
    with ExitStack() as stack:
        conversations = [stack.enter_context(Conversation(path)) for _ in range(QUEUED)]
        for conversation in conversations:
            conversation.ask(VERSION)
        process.terminate()
        process.send_signal(signal.SIGCONT)
        for conversation in conversations:
            assert conversation.answer()[0] == 0


def test_notifications(tmp_path: Path) -> None:
    """READY once it listens, WATCHDOG as often as is asked for, STOPPING before the end."""
    agent = Agent(tmp_path / "agent.sock", environment={"WATCHDOG_USEC": "400000"})
    agent.wait_ready()
    assert version(agent.socket)
    agent.wait_told("WATCHDOG=1", times=5)
    agent.process.terminate()
    agent.wait_told("STOPPING=1")
    agent.ended()
    assert set(agent.told) == {"READY=1", "WATCHDOG=1", "STOPPING=1"}
    assert agent.told[0] == "READY=1"
    assert agent.told[-1] == "STOPPING=1"


def test_watchdog_of_another_process(tmp_path: Path) -> None:
    with Agent(tmp_path / "agent.sock", environment={"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}) as agent:
        for _ in range(20):
            version(agent.socket)
    assert "WATCHDOG=1" not in agent.told


def test_nobody_reads_what_it_tells(tmp_path: Path) -> None:
    """The queue of a systemd that is held up is full at some time: that is logged, and no caller waits for it."""
    with Agent(tmp_path / "agent.sock", environment={"WATCHDOG_USEC": "4000"}) as agent:
        until(lambda: version(agent.socket) and "told WATCHDOG=1" in agent.log.read_text(), "the queue is full")
        assert version(agent.socket)
        agent.process.terminate()
        agent.wait_told("STOPPING=1")


@pytest.mark.parametrize("address", ["/nonexistent/notify", "@cmv-nobody-listens-here"])
def test_nobody_to_tell(tmp_path: Path, address: str) -> None:
    """It is logged, and no reason to end."""
    agent = Agent(tmp_path / "agent.sock", environment={"NOTIFY_SOCKET": address})
    until(agent.socket.exists, "it listens")
    assert version(agent.socket)
    agent.stop()
    assert "could not be told READY=1" in agent.log.read_text()
