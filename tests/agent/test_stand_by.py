"""Agents in pods: one that lost its place to the next must not end, or it would be started again and take it back."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import Agent, until
from tests.agent.protocol import Conversation, version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Agent, Agent]]:
    """An agent that stands by, and the one that took its place."""
    with Agent(tmp_path / "agent.sock", "--stand-by") as old, Agent(tmp_path / "agent.sock", "--stand-by") as new:
        until(lambda: is_standing_by(old), "the old one has let its workers go")
        yield old, new


def is_standing_by(agent: Agent) -> bool:
    """Whether it is there and serves nobody."""
    return agent.process.poll() is None and len(agent.threads()) == 1


def serves(agent: Agent) -> bool:
    """Whether calls are served, and this is who does it."""
    return len(agent.threads()) > 1 and bool(version(agent.socket))


def test_it_leaves_the_place_to_its_successor(pair: tuple[Agent, Agent]) -> None:
    old, new = pair
    inode = new.socket.stat().st_ino
    for _ in range(200):
        assert serves(new)
    assert is_standing_by(old)
    assert new.socket.stat().st_ino == inode


@pytest.mark.parametrize("end", [Agent.stop, Agent.kill])
def test_it_succeeds_its_successor(pair: tuple[Agent, Agent], end: Callable[[Agent], None]) -> None:
    """A rollback takes the new agent away, and the old one is all that there is."""
    old, new = pair
    end(new)
    until(lambda: not is_standing_by(old), "the old one is back")
    until(old.socket.exists, "it has its place")
    assert serves(old)
    with Agent(old.socket, "--stand-by") as third:
        until(lambda: is_standing_by(old), "and makes way again")
        assert serves(third)


def test_it_ends_and_leaves_its_successor_alone(pair: tuple[Agent, Agent]) -> None:
    old, new = pair
    old.stop()
    assert serves(new)


def test_a_busy_successor_is_there(pair: tuple[Agent, Agent]) -> None:
    """One that takes no connections for a while has the place all the same."""
    old, new = pair
    new.process.send_signal(signal.SIGSTOP)
    with Conversation(new.socket) as conversation:
        deadline = time.monotonic() + 1.5  # three looks
        while time.monotonic() < deadline:
            assert is_standing_by(old)
        new.process.send_signal(signal.SIGCONT)
        conversation.ask(b"")
    assert serves(new)
