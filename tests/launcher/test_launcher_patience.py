"""Agents and runtimes that keep the launcher waiting: it waits as long as promised, and no longer."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.launcher.fake_agent import RESULT, Conversation, FakeAgent, answer, hello
from tests.launcher.launched import Launcher, Outcome, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST = 4 << 20
PATIENCE, GRACE = 30, 5  # seconds for a hello and for all else (docs/agent-protocol.md)


def test_a_full_backlog_is_waited_for(launcher: Launcher, agent_path: Path) -> None:
    with busy_listener(agent_path) as busy:
        process = launcher.start(agent_path)
        while not is_connecting(process.pid):
            assert process.poll() is None
        while True:  # first whoever was there before, then the launcher
            connection, _ = busy.accept()
            with connection:
                if Conversation(connection).peer.name == str(process.pid):
                    connection.sendall(hello() + answer())
                    assert finish(process, b"{}").stdout == RESULT
                    break


def test_version_needs_no_stdin(launcher: Launcher, agent_path: Path) -> None:
    with FakeAgent(agent_path, lambda talk: talk.send(hello() + answer())):
        process = launcher.start(agent_path, {"CNI_COMMAND": "VERSION"})
        process.wait(60)
        assert finish(process) == Outcome(0, RESULT)


def is_connecting(process: int) -> bool:
    """Whether a process sleeps in connect()."""
    number = Path(f"/proc/{process}/syscall").read_text().split()[0]
    return number == {"x86_64": "42", "aarch64": "203"}[os.uname().machine]


@contextlib.contextmanager
def listener(path: Path, backlog: int = 8) -> Iterator[socket.socket]:
    """A socket that takes connections until ``backlog`` is full, and that nobody serves."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        made.listen(backlog)
        yield made


@contextlib.contextmanager
def busy_listener(path: Path) -> Iterator[socket.socket]:
    """A socket that takes no connection until others are accepted."""
    with contextlib.ExitStack() as opened:
        made = opened.enter_context(listener(path, 0))
        with contextlib.suppress(BlockingIOError):
            while True:
                client = opened.enter_context(socket.socket(socket.AF_UNIX))
                client.settimeout(0)
                client.connect(str(path))
        yield made


def never_accepts(launcher: Launcher, path: Path) -> None:
    with listener(path):
        assert launcher.call(path).error() == silence("its greeting")


def never_reads(launcher: Launcher, path: Path) -> None:
    with listener(path):
        assert launcher.call(path, bytes(LARGEST)).error() == silence("its greeting")


def has_no_room(launcher: Launcher, path: Path) -> None:
    with busy_listener(path):
        assert launcher.call(path).error()["msg"] == silence("")["msg"]


def never_answers(launcher: Launcher, path: Path) -> None:
    with FakeAgent(path, lambda talk: talk.send(hello(1))):
        assert launcher.call(path).error() == silence("its answer", 5001)


def trickles(launcher: Launcher, path: Path) -> None:
    def behave(talk: Conversation) -> None:
        talk.send(hello(1))
        talk.read_request()
        talk.send(answer(b"", size=LARGEST))
        while not select.select([talk.socket], [], [], 0.1)[0]:
            talk.send(b" ")

    with FakeAgent(path, behave):
        assert launcher.call(path).error() == silence("its answer", 5001)


def waits_for_a_stdin_without_end(launcher: Launcher, path: Path) -> None:
    with FakeAgent(path, lambda talk: talk.send(hello(1))):
        process = launcher.start(path)
        process.wait(60)
        assert finish(process).error() == {
            "cniVersion": "1.1.0",
            "code": 5,
            "msg": "error reading from stdin: no end of it in 30 s",
            "details": "the runtime has to write the network configuration",
        }


def answers_a_runtime_that_does_not_read(launcher: Launcher, path: Path) -> None:
    reader, stdout = os.pipe()
    with FakeAgent(path, lambda talk: talk.send(hello() + answer(bytes(LARGEST)))) as agent:
        outcome = launcher.call(path, stdout=stdout)
    assert outcome == Outcome(1, b"")
    assert not agent.rests[0].endswith(b"\x06")
    os.close(reader)
    os.close(stdout)


def silence(awaited: str, milliseconds: int = PATIENCE * 1000) -> dict[str, object]:
    """The error about an agent that keeps the runtime waiting."""
    details = f"waited {milliseconds} ms for {awaited}"
    return {"cniVersion": "1.1.0", "code": 11, "msg": "the agent does not answer; try again", "details": details}


LASTING: dict[Callable[[Launcher, Path], None], int] = {
    never_accepts: PATIENCE,
    never_reads: PATIENCE,
    has_no_room: PATIENCE,
    never_answers: GRACE,
    trickles: GRACE,
    waits_for_a_stdin_without_end: PATIENCE,
    answers_a_runtime_that_does_not_read: GRACE,
}


def test_nobody_is_waited_for_much_longer_than_promised(launcher: Launcher, tmp_path: Path) -> None:
    """All at once, because each takes the seconds that it is about."""

    def timed(case: Callable[[Launcher, Path], None]) -> float:
        began = time.monotonic()
        case(launcher, tmp_path / str(list(LASTING).index(case)))
        return time.monotonic() - began

    with ThreadPoolExecutor(len(LASTING)) as pool:
        for promised, lasted in zip(LASTING.values(), pool.map(timed, LASTING), strict=True):
            assert promised - 0.1 < lasted < promised + 45, "less than the minute that an agent may ask for"
