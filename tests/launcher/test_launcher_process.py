"""The launcher as a process: descriptors that are closed, full or slow, signals, and more input than it takes."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from tests.launcher.fake_agent import RESULT, WRITTEN, Conversation, FakeAgent, answer, hello
from tests.launcher.launched import finish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.launcher.launched import Launcher

LARGEST = 4 << 20


def test_a_closed_stdin_is_an_empty_one(launcher: Launcher, agent_path: Path) -> None:
    with FakeAgent(agent_path) as agent:
        outcome = launcher.call(agent_path, None, wrapper=("sh", "-c", 'exec "$0" <&-'))
    assert (outcome.stdout, agent.requests[0].stdin) == (RESULT, b"")


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-", ">/dev/full"])
def test_an_answer_that_cannot_be_written_is_not_acknowledged(
    launcher: Launcher, agent_path: Path, closed: str
) -> None:
    with FakeAgent(agent_path) as agent:
        outcome = launcher.call(agent_path, None, wrapper=("sh", "-c", f'exec "$0" {closed}'))
    assert (outcome.status, outcome.stdout, outcome.stderr) == (1, b"", b"")
    # closed descriptors were not given to the socket or a namespace
    assert (agent.requests[0].descriptors, agent.rests) == (agent.requests[0].expected, [b""])


def test_a_reader_that_left_is_no_acknowledgement(launcher: Launcher, agent_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with FakeAgent(agent_path) as agent:
        outcome = launcher.call(agent_path, stdout=writer)
    os.close(writer)
    assert (outcome.status, agent.rests) == (1, [b""])


def test_non_blocking_descriptors_are_waited_for(launcher: Launcher, agent_path: Path) -> None:
    body = b"x" * (1 << 20)
    served = threading.Event()

    def behave(talk: Conversation) -> None:
        talk.send(hello())
        assert talk.read_request().stdin == b"first, second"
        talk.send(answer(body))
        served.set()

    stdin, config = os.pipe()
    reader, stdout = os.pipe()
    for end in (stdin, stdout):
        os.set_blocking(end, False)
    with FakeAgent(agent_path, behave) as agent:
        process = launcher.start(agent_path, stdin=stdin, stdout=stdout)
        for end in (stdin, stdout):
            os.close(end)
        with os.fdopen(config, "wb", buffering=0) as runtime:
            runtime.write(b"first, ")
            runtime.write(b"second")
        assert served.wait(60)
        with os.fdopen(reader, "rb") as runtime_reads:
            assert runtime_reads.read() == body
        assert finish(process).status == 0
    assert agent.rests == [WRITTEN]


def test_stopped_and_continued_it_goes_on(launcher: Launcher, agent_path: Path) -> None:
    def behave(talk: Conversation) -> None:
        talk.send(hello())
        talk.read_request()
        launcher_id = int(talk.peer.name)
        os.kill(launcher_id, signal.SIGSTOP)
        os.kill(launcher_id, signal.SIGCONT)
        talk.send(answer())

    with FakeAgent(agent_path, behave) as agent:
        assert launcher.call(agent_path).stdout == RESULT
    assert agent.rests == [WRITTEN]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_killed_launcher_acknowledges_nothing(launcher: Launcher, agent_path: Path, number: signal.Signals) -> None:
    def behave(talk: Conversation) -> None:
        talk.send(hello())
        talk.read_request()
        os.kill(int(talk.peer.name), number)

    with FakeAgent(agent_path, behave) as agent:
        assert launcher.call(agent_path).status == -number
    assert agent.rests == [b""]


def test_too_large_a_stdin_is_refused(launcher: Launcher, agent_path: Path) -> None:
    with FakeAgent(agent_path, lambda talk: talk.send(hello())) as agent:
        error = launcher.call(agent_path, b" " * (LARGEST + 1)).error()
    assert (error["code"], error["msg"]) == (5, "error reading from stdin: more than 4194304 bytes")
    assert agent.rests == [b""]


def test_an_unreadable_stdin_is_told(launcher: Launcher, agent_path: Path, tmp_path: Path) -> None:
    with FakeAgent(agent_path, lambda talk: talk.send(hello())):
        directory = os.open(tmp_path, os.O_RDONLY)
        error = finish(launcher.start(agent_path, stdin=directory)).error()
        os.close(directory)
    assert (error["code"], error["msg"]) == (5, "error reading from stdin: [Errno 21] Is a directory")


def test_too_large_an_environment_is_refused(launcher: Launcher, agent_path: Path) -> None:
    variables = {f"CNI_{number}": "x" * 120_000 for number in range(9)}
    with FakeAgent(agent_path, lambda talk: talk.send(hello())):
        assert launcher.call(agent_path, variables=variables).code() == 4
