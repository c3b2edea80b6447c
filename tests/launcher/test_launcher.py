"""What the launcher sends to the agent, and how it relays the answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.launcher.fake_agent import RESULT, WRITTEN, Conversation, FakeAgent, answer, hello, identity
from tests.launcher.launched import Launcher
from tests.namespaces import Namespace

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 4 << 20


@pytest.mark.parametrize("status", [0, 1])
def test_the_answer_and_its_status_are_relayed_and_acknowledged(
    launcher: Launcher, agent_path: Path, status: int
) -> None:
    def behave(talk: Conversation) -> None:
        talk.send(hello())
        talk.read_request()
        talk.send(answer(status=status))

    with FakeAgent(agent_path, behave) as agent:
        outcome = launcher.call(agent_path)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (status, RESULT, b"")
    assert agent.rests == [WRITTEN]


def test_an_empty_answer_is_a_success(launcher: Launcher, agent_path: Path) -> None:
    def behave(talk: Conversation) -> None:
        talk.send(hello() + answer(b""))

    with FakeAgent(agent_path, behave):
        outcome = launcher.call(agent_path, variables={"CNI_COMMAND": "DEL"})
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, b"", b"")


def test_only_the_variables_that_count_are_sent(launcher: Launcher, agent_path: Path) -> None:
    variables = {"CNI_ARGS": "", "CNI_IFNAME": "net1", "CNI_X": "a=b", "TRACEPARENT": "00-1", "TRACESTATE": "t",
                 "BAGGAGE": "b"}  # fmt: skip
    others = {"HOME": "/", "PATHS": "no", "XCNI_ARGS": "no", "cni_args": "no", "TRACE": "no", "LD_PRELOAD": ""}
    with FakeAgent(agent_path) as agent:
        assert launcher.call(agent_path, variables=variables | others).status == 0
    always = {"CNI_COMMAND": "ADD", "CNI_MACVLAN_AGENT_SOCKET": str(agent_path), "PATH": os.environ["PATH"]}
    sent = sorted(agent.requests[0].environment)
    assert sent == sorted(f"{key}={value}".encode() for key, value in (variables | always).items())


def test_the_name_it_was_called_by_arrives(launcher: Launcher, agent_path: Path, tmp_path: Path) -> None:
    role = tmp_path / "host-local"
    role.symlink_to(launcher.executable)
    with FakeAgent(agent_path) as agent:
        assert Launcher(role, launcher.door).call(agent_path).status == 0
    assert agent.requests[0].called_as == str(role).encode()


@pytest.mark.parametrize("size", [0, 1, 1 << 16, LARGEST])
def test_stdin_arrives_whole(launcher: Launcher, agent_path: Path, size: int) -> None:
    config = os.urandom(size)
    with FakeAgent(agent_path) as agent:
        assert launcher.call(agent_path, config).stdout == RESULT
    assert agent.requests[0].stdin == config


def test_a_large_answer_is_relayed_whole(launcher: Launcher, agent_path: Path) -> None:
    body = os.urandom(1 << 20) * 64

    def behave(talk: Conversation) -> None:
        talk.send(hello())
        talk.read_request()
        talk.send(answer(body))

    with FakeAgent(agent_path, behave) as agent:
        assert launcher.call(agent_path).stdout == body
    assert agent.rests == [WRITTEN]


def test_descriptors_are_the_callers_namespaces_and_the_containers(launcher: Launcher, agent_path: Path) -> None:
    container = Namespace("launcher")
    try:
        with FakeAgent(agent_path) as agent:
            apart = ("unshare", "--net", "--mount")
            assert launcher.call(agent_path, variables={"CNI_NETNS": str(container.path)}, wrapper=apart).status == 0
        request = agent.requests[0]
        assert request.descriptors == [*request.expected, identity(container.path)]
        assert request.descriptors[2] == identity("/")
        ours = [identity("/proc/self/ns/net"), identity("/proc/self/ns/mnt")]
        assert not set(ours) & set(request.descriptors)
    finally:
        assert container.remove() == []


@pytest.mark.parametrize("netns", ["", "/nowhere/at/all", "\xff"])
def test_a_namespace_that_cannot_be_opened_is_not_sent(launcher: Launcher, agent_path: Path, netns: str) -> None:
    with FakeAgent(agent_path) as agent:
        assert launcher.call(agent_path, variables={"CNI_NETNS": netns}).status == 0
    assert agent.requests[0].descriptors == agent.requests[0].expected


def test_a_fifo_for_a_namespace_does_not_hold_it(launcher: Launcher, agent_path: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with FakeAgent(agent_path) as agent:
        assert launcher.call(agent_path, variables={"CNI_NETNS": str(fifo)}).status == 0
    assert agent.requests[0].descriptors[3:] == [identity(fifo)]
