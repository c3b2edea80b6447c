"""Agents that misbehave: the runtime always reads one answer."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.launcher.fake_agent import RESULT, Conversation, FakeAgent, answer, hello

if TYPE_CHECKING:
    from pathlib import Path

    from tests.launcher.launched import Launcher

LARGEST = 4 << 20
LARGEST_ANSWER = 64 << 20
BROKEN = {
    "nothing at all": b"",
    "half a hello": hello()[:7],
    "no answer": hello(),
    "half a head": hello() + answer()[:9],
    "half a body": hello() + answer()[:-1],
    "more promised than sent": hello() + answer(size=LARGEST_ANSWER),
}
NONSENSE = {
    "garbage": b"HTTP/1.1 400 Bad Request\r\n",
    "another magic": hello(magic=0x434D5632) + answer(),
    "another protocol": hello(protocol=2) + answer(),
    "another magic in the answer": hello() + answer(magic=1),
    "a status of 2": hello() + answer(status=2),
    "a huge answer": hello() + answer(size=LARGEST_ANSWER + 1),
    "the hugest answer": hello() + answer(size=0xFFFFFFFF),
    "a failure without an error": hello() + answer(b"", status=1),
}


@pytest.mark.parametrize("config", [b"{}", bytes(LARGEST)], ids=["small", "large"])
@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN)
def test_an_agent_that_goes_away(launcher: Launcher, agent_path: Path, said: bytes, config: bytes) -> None:
    def behave(talk: Conversation) -> None:
        talk.send(said)
        talk.socket.close()  # with the request unread: the launcher sees a reset

    with FakeAgent(agent_path, behave):
        error = launcher.call(agent_path, config).error()
    assert (error["code"], error["msg"]) == (11, "the agent went away; try again")


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
def test_an_agent_that_talks_nonsense(launcher: Launcher, agent_path: Path, said: bytes) -> None:
    with FakeAgent(agent_path, lambda talk: talk.send(said)) as agent:
        error = launcher.call(agent_path).error()
    assert error["code"] == 11
    assert "not understood" in error["msg"]
    assert b"\x06" not in agent.rests[0][-1:]


def test_a_half_closed_agent_has_gone_away(launcher: Launcher, agent_path: Path) -> None:
    def behave(talk: Conversation) -> None:
        talk.send(hello())
        talk.read_request()
        talk.socket.shutdown(socket.SHUT_WR)

    with FakeAgent(agent_path, behave):
        assert "went away" in launcher.call(agent_path).error()["msg"]


@pytest.mark.parametrize("config", [b"{}", bytes(LARGEST)], ids=["small", "large"])
@pytest.mark.parametrize("end", ["close", "shutdown"])
def test_a_refusal_before_the_request_was_read_is_relayed(
    launcher: Launcher, agent_path: Path, config: bytes, end: str
) -> None:
    refusal = b'{"code": 11, "msg": "busy"}'

    def behave(talk: Conversation) -> None:
        talk.send(hello() + answer(refusal, status=1))
        if end == "close":
            talk.socket.close()
        else:
            talk.socket.shutdown(socket.SHUT_RD)

    with FakeAgent(agent_path, behave):
        outcome = launcher.call(agent_path, config)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (1, refusal, b"")


@pytest.mark.parametrize(("verb", "status"), [("ADD", 1), ("DEL", 0), ("VERSION", 0)])
def test_an_add_whose_acknowledgement_cannot_be_sent_has_failed(
    launcher: Launcher, agent_path: Path, verb: str, status: int
) -> None:
    """The agent has undone it, or will."""

    def behave(talk: Conversation) -> None:
        talk.send(hello())
        talk.read_request()
        talk.socket.shutdown(socket.SHUT_RD)
        talk.send(answer())

    with FakeAgent(agent_path, behave):
        outcome = launcher.call(agent_path, variables={"CNI_COMMAND": verb})
    assert (outcome.status, outcome.stdout) == (status, RESULT)


def test_a_slow_agent_is_heard_to_its_end(launcher: Launcher, agent_path: Path) -> None:
    def behave(talk: Conversation) -> None:
        for byte in hello():
            talk.send(bytes([byte]))
        talk.read_request()
        for byte in answer():
            talk.send(bytes([byte]))

    with FakeAgent(agent_path, behave):
        assert launcher.call(agent_path).stdout == RESULT


def test_a_proc_of_other_processes(launcher: Launcher, agent_path: Path) -> None:
    """There is an agent, which cannot be shown where the call stands: that is said, and not that there is none."""
    elsewhere = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc/$$/ns && exec "$0"')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(agent_path))
        listener.listen()
        error = launcher.call(agent_path, wrapper=elsewhere).error()
    assert error["code"] == 11
    assert error["msg"].startswith("/proc/self/ns/net and mnt cannot be opened")
    assert "No such file" in error["details"]
