"""The door before agents that do wrong: whatever they do, the runtime reads one answer, and in time."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import SECONDS, Agent
from tests.runtime import Answer, one_document
from tests.ways import Executed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

    Call = Callable[..., Answer]

HELLO = b"CMV1" + struct.pack("!II", 1, 500)
RESULT = b'{"cniVersion": "1.0.0"}'
# Seconds that the door waits, as docs/agent-protocol.md says: for a hello, and for an answer beyond the time limit.
PATIENCE, GRACE = 30.0, 5.0


def answer(status: int, text: bytes) -> bytes:
    return b"CMV1" + struct.pack("!II", status, len(text)) + text


class FakeAgent:
    """Reads each request, hears no more, sends ``data`` and closes, unless it ``waits`` with that for its own end."""

    def __init__(self, path: Path, data: bytes, *, waits: bool = False) -> None:
        self.path = path
        self._data = data
        self._waits = waits
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._kept: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.recv(1 << 16)
                connection.shutdown(socket.SHUT_RD)
                connection.sendall(self._data)
                if self._waits:
                    self._kept.append(connection)
                else:
                    connection.close()

    def close(self) -> None:
        """End it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in [self._listener, *self._kept]:
            each.close()


@pytest.fixture
def call(runtime: Runtime, lan: Lan, tmp_path: Path) -> Iterator[Call]:
    """A verb called by the door, before an agent that sends these bytes: the answer."""
    container = lan.container()
    with ExitStack() as stack:

        def call_before(verb: str, data: bytes, *, waits: bool = False) -> Answer:
            fake = FakeAgent(tmp_path / "fake.sock", data, waits=waits)
            stack.callback(fake.close)
            runtime.way = Executed(str(fake.path))
            done = runtime.way.call(
                runtime.cni_path / "macvlan",
                lan.node.path,
                {
                    "PATH": os.environ["PATH"],
                    "CNI_COMMAND": verb,
                    "CNI_CONTAINERID": "c1",
                    "CNI_NETNS": str(container.path),
                    "CNI_IFNAME": "net1",
                },
                json.dumps(runtime.config(None)),
                runtime.directory,
            )
            return Answer(done.returncode, one_document(done.stdout), done.stdout, done.stderr)

        yield call_before
    assert container.links() == ["lo"], "the door does not do what it has given away"


BROKEN = {
    "nothing": (b"", "went away"),
    "half a hello": (HELLO[:7], "went away"),
    "hello alone": (HELLO, "went away"),
    "half an answer": (HELLO + answer(0, RESULT)[:-3], "went away"),
    "another protocol": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not understood"),
    "a later version": (b"CMV1" + struct.pack("!II", 2, 500) + answer(0, RESULT), "not understood"),
    "an answer without magic": (HELLO + b"XXXX" + struct.pack("!II", 0, 0), "not understood"),
    "an endless answer": (HELLO + b"CMV1\0\0\0\0\xff\xff\xff\xff" + b"x" * 1000, "not understood"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_broken_answer(call: Call, data: tuple[bytes, str]) -> None:
    answered = call("ADD", data[0])
    assert (answered.status, answered.code) == (1, 11), answered
    assert data[1] in answered.document["msg"]
    assert answered.document["msg"].endswith("try again")


@pytest.mark.parametrize(
    ("verb", "status", "text", "expected"),
    [("ADD", 0, RESULT, 1), ("ADD", 1, b'{"code": 11}', 1), ("DEL", 0, b"", 0), ("DEL", 1, b'{"code": 5}', 1)],
)
def test_agent_that_does_not_wait(call: Call, verb: str, status: int, text: bytes, expected: int) -> None:
    """It is gone before it is told that all went well: an ADD may have been undone, all else is as it was said."""
    answered = call(verb, HELLO + answer(status, text))
    assert (answered.status, answered.stdout) == (expected, text.decode())


def test_agent_that_does_not_come_to_an_end(call: Call) -> None:
    """It has its time limit of 0.5 s, and a grace."""
    began = time.monotonic()
    answered = call("DEL", HELLO, waits=True)
    assert (answered.status, answered.code) == (1, 11)
    assert "does not answer" in answered.msg
    assert GRACE < time.monotonic() - began < GRACE + SECONDS


def test_backlog_that_stays_full(runtime: Runtime, tmp_path: Path) -> None:
    """An agent is there, but takes no connection: the door waits no longer than for a hello."""
    path = tmp_path / "full.sock"
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen(0)
        stack.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        runtime.way = Executed(str(path))
        began = time.monotonic()
        answered = runtime.version()
        assert (answered.status, answered.code) == (1, 11)
        assert PATIENCE < time.monotonic() - began < PATIENCE + SECONDS


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "agent"])
def test_name_of_the_launcher_is_for_us_alone(runtime: Runtime, lan: Lan, tmp_path: Path, alone: bool) -> None:  # noqa: FBT001 - a parameter
    """Another plugin that is executed, which may be ourselves by another name, is called what it is called."""
    witness = runtime.cni_path / "witness"
    witness.write_text(
        f"#!/bin/sh\nenv > {tmp_path}/seen\ncat > /dev/null\n"
        """[ $CNI_COMMAND = ADD ] && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.5/24"}]}'; exit 0\n"""
    )
    witness.chmod(0o755)
    container = lan.container()
    with Agent(tmp_path / "agent.sock") as agent:
        runtime.way = Executed("" if alone else str(agent.socket))
        config = runtime.config({"type": "witness"})
        for verb in ("ADD", "DEL"):
            runtime.call(
                verb, json.dumps(config), CONTAINERID="c1", NETNS=str(container.path), IFNAME="net1",
                MACVLAN_CALLED_AS=str(runtime.cni_path / "macvlan"),
            ).expect()  # fmt: skip
            assert "CNI_COMMAND" in (tmp_path / "seen").read_text()
            assert "CALLED_AS" not in (tmp_path / "seen").read_text()
