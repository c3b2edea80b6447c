"""Launcher and Python door before an agent that knows no root directories: they get on without it, or with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.launcher.fake_agent import (
    A_MINUTE_OF_OLD,
    OLDER_REQUEST,
    RESULT,
    WRITTEN,
    Conversation,
    FakeAgent,
    answer,
    hello,
    identity,
)
from tests.launcher.launched import Launcher
from tests.namespaces import Namespace
from tests.runtime import DOOR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def container() -> Iterator[Namespace]:
    made = Namespace("older")
    yield made
    assert made.remove() == []


@pytest.mark.parametrize("size", [2, 1 << 20])
def test_an_older_agent_is_asked_as_it_understands(
    launcher: Launcher, agent_path: Path, container: Namespace, size: int
) -> None:
    """It hangs up at what it does not know, with most of it unread, and is asked once more, without the root."""

    def behave(talk: Conversation) -> None:
        talk.send(hello(A_MINUTE_OF_OLD))
        if not talk.refuse_what_is_newer():
            agent.requests.append(talk.read_request(OLDER_REQUEST))
            talk.send(answer())

    config = b"x" * size
    with FakeAgent(agent_path, behave) as agent:
        outcome = launcher.call(agent_path, config, variables={"CNI_NETNS": str(container.path)})
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, RESULT, b"")
    (request,) = agent.requests
    assert (request.stdin, request.descriptors) == (config, [*request.expected[:2], identity(container.path)])
    assert agent.rests == [WRITTEN]


def test_the_python_door_does_without_an_older_agent(launcher: Launcher, agent_path: Path) -> None:
    """It has read stdin by then, and knows the root that it stands in."""
    door = Launcher(DOOR, launcher.door)
    asked = []

    def behave(talk: Conversation) -> None:
        talk.send(hello(A_MINUTE_OF_OLD))
        asked.append(talk.refuse_what_is_newer())

    variables = {"CNI_COMMAND": "VERSION"}
    with FakeAgent(agent_path, behave):
        outcome = door.call(agent_path, b'{"cniVersion": "0.4.0"}', variables)
    assert outcome == door.call("", b'{"cniVersion": "0.4.0"}', variables)
    assert (outcome.status, json.loads(outcome.stdout)["cniVersion"], asked) == (0, "0.4.0", [True])


@pytest.mark.parametrize("limit", [A_MINUTE_OF_OLD, A_MINUTE_OF_OLD + 2])
def test_an_agent_that_hangs_up_is_not_asked_for_ever(launcher: Launcher, agent_path: Path, limit: int) -> None:
    """Twice by whoever takes it for an older one, else once: what it hung up on it may have begun."""
    asked = []

    def behave(talk: Conversation) -> None:
        asked.append(talk.socket.recv(4))
        talk.send(hello(limit))
        talk.socket.close()

    with FakeAgent(agent_path, behave):
        error = launcher.call(agent_path).error()
    assert (error["code"], "the agent went away" in error["msg"]) == (11, True)
    assert asked == ([b"CMV2", b"CMV1"] if limit == A_MINUTE_OF_OLD else [b"CMV2"])
