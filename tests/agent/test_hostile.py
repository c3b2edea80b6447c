"""Clients that do wrong: each is turned away, nobody else notices, and nothing is left of them."""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from agent.sparing import LINES
from tests.agent import protocol
from tests.agent.held import HASTY, HASTY_SECONDS, PATIENT, busy
from tests.agent.process import SECONDS, Agent, inside_python, until
from tests.agent.protocol import HELLO, MAGIC, VERSION, Conversation, NoAnswer, frame, version
from tests.ways import Executed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

HUGE = (5 << 20) + 1
AT_ONCE = 30.0  # far less than the turns of all who say nothing would take

MALFORMED = {
    "nothing": b"",
    "one byte": b"C",
    "half a magic": b"CM",
    "another protocol": b"GET / HTTP/1.1\r\n\r\n",
    "magic alone": MAGIC,
    "half a length": MAGIC + b"\0\0",
    "no body": MAGIC + frame(b""),
    "half a body": VERSION[:-5],
    "huge length": MAGIC + HUGE.to_bytes(4, "big"),
    "greatest length": MAGIC + b"\xff\xff\xff\xff" + b"x" * 100,
    "many variables announced": MAGIC + frame(b"\xff\xff\xff\xff" + frame(b"A=B")),
    "a long variable announced": MAGIC + frame(b"\0\0\0\1" + b"\xff\xff\xff\xff" + b"A=B"),
    "no stdin": MAGIC + frame(b"\0\0\0\1" + frame(b"A=B", b"/x")),
    "more behind it": MAGIC + frame(protocol.body({}) + b"x"),
    "one more request at once": VERSION * 2,
}


def steady(agent: Agent) -> tuple[list[str], int]:
    """Descriptors and threads once the agent has nothing to do."""
    version(agent.socket)
    until(agent.is_resting, "the call's descriptors are closed")
    return agent.descriptors(), len(agent.threads())


def require_as_before(agent: Agent, before: tuple[list[str], int]) -> None:
    until(lambda: steady(agent) == before, f"descriptors and threads are as before: {before}")


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(shared: Agent, data: bytes) -> None:
    """Those who say no more are turned away at once; whether they brought descriptors makes no difference."""
    before = steady(shared)
    for opened in ([], protocol.open_namespaces(*protocol.OWN)):
        with Conversation(shared.socket) as conversation:
            if data:
                with suppress(BrokenPipeError):
                    conversation.send(data, opened)
            if data == VERSION * 2 and opened:
                assert conversation.answer(acknowledge=False)[0] == 0, "the first is a call like any other"
                continue
            conversation.socket.shutdown(socket.SHUT_WR)
            assert len(conversation.turned_away()) <= HELLO.size
        for descriptor in opened:
            os.close(descriptor)
    require_as_before(shared, before)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 100, 253])
def test_too_few_or_too_many_descriptors(shared: Agent, count: int) -> None:
    before = steady(shared)
    with ExitStack() as stack:
        pipes = [os.pipe() for _ in range(count)]
        for pipe in pipes:
            stack.callback(os.close, pipe[0])
        with Conversation(shared.socket) as conversation:
            conversation.send(VERSION, [write for _, write in pipes])
            for _, write in pipes:
                os.close(write)
            assert len(conversation.turned_away()) <= HELLO.size
        for read, _ in pipes:  # ended, since the agent has none of the other ends
            assert os.read(read, 1) == b""
    require_as_before(shared, before)


def test_the_log_does_not_grow_with_those_who_are_turned_away(agent: Agent) -> None:
    """Some lines of each kind in a minute, of which the last says that there are more."""
    for _ in range(LINES * 4):
        with Conversation(agent.socket) as conversation:
            conversation.send(b"GET / HTTP/1.1\r\n\r\n")
            conversation.turned_away()
    assert version(agent.socket)
    told = [line for line in agent.log.read_text().splitlines() if "a client sent no request" in line]
    assert LINES <= len(told) <= 2 * LINES, "twice where a minute has passed"
    assert "more of these" in told[LINES - 1]


def test_descriptors_in_many_messages(shared: Agent) -> None:
    before = steady(shared)
    opened = protocol.open_namespaces(protocol.OWN_NET)
    with Conversation(shared.socket) as conversation:
        with suppress(BrokenPipeError):
            for byte in VERSION:
                conversation.send(bytes([byte]), opened)
        assert len(conversation.turned_away()) <= HELLO.size
    os.close(opened[0])
    require_as_before(shared, before)


def test_mutated_requests(shared: Agent) -> None:
    """A request with some bytes changed, cut or doubled never disturbs the agent; the seed makes it repeatable."""
    before = steady(shared)
    chance = random.Random(20)  # noqa: S311 - no secret
    opened = protocol.open_namespaces(*protocol.OWN)
    for _ in range(300):
        data = bytearray(VERSION)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        with Conversation(shared.socket) as conversation:
            with suppress(BrokenPipeError):
                conversation.send(bytes(data), opened)
                conversation.socket.shutdown(socket.SHUT_WR)
            conversation.turned_away()
    for descriptor in opened:
        os.close(descriptor)
    require_as_before(shared, before)


def test_slow_and_silent_clients(tmp_path: Path) -> None:
    """Some say nothing, some a byte now and then: meanwhile others are served, and in the end all are dropped."""
    done = threading.Event()
    with Agent(tmp_path / "agent.sock", command=HASTY) as agent, ExitStack() as stack:
        before = steady(agent)
        began = time.monotonic()
        silent = [stack.enter_context(Conversation(agent.socket)) for _ in range(200)]
        slow = [stack.enter_context(Conversation(agent.socket)) for _ in range(100)]

        def dribble() -> None:
            for byte in VERSION:
                for conversation in slow:
                    with suppress(OSError):
                        conversation.send(bytes([byte]))
                if done.wait(1.0):
                    return

        dribbler = threading.Thread(target=dribble)
        dribbler.start()
        longest = 0.0
        while time.monotonic() < began + HASTY_SECONDS - 1:
            asked = time.monotonic()
            version(agent.socket)
            longest = max(longest, time.monotonic() - asked)
        assert longest < AT_ONCE
        for conversation in [*silent, *slow]:
            assert len(conversation.turned_away()) <= HELLO.size
        took = time.monotonic() - began
        done.set()
        dribbler.join()
        assert HASTY_SECONDS < took < SECONDS < len(VERSION), "a byte in time does not buy another second"
        require_as_before(agent, before)


# An agent that is held up by a FIFO, each time that it takes somebody, until the time of those who came before is up.
HELD_UP = """
import time
from agent import server
accept = server.Server._accept

def held_up(self):
    for client in self._clients:
        open(sys.argv[1]).read()
        client.deadline = time.monotonic()
    return accept(self)

server.Server._accept = held_up
server.Server(server.Options(sys.argv[2])).run()
"""


def test_request_that_an_agent_is_late_to_read(tmp_path: Path) -> None:
    """Its sender was not slow."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = (*inside_python(HELD_UP), str(fifo))
    with Agent(tmp_path / "agent.sock", command=command) as agent, Conversation(agent.socket) as early:
        early.receive(HELLO.size)
        with Conversation(agent.socket), fifo.open("w"):
            early.ask(VERSION)
        assert early.result()[0] == 0


def test_hundreds_of_calls_at_once(tmp_path: Path) -> None:
    """All there but for a byte, with three descriptors each: more than select() takes, or the agent began with."""
    with (
        Agent(tmp_path / "agent.sock", command=("prlimit", "--nofile=256:20000", *PATIENT)) as agent,
        ExitStack() as stack,
    ):
        before = steady(agent)
        opened = protocol.open_namespaces(*protocol.OWN, protocol.OWN_NET)
        for descriptor in opened:
            stack.callback(os.close, descriptor)
        conversations = []
        for _ in range(300):
            conversations.append(stack.enter_context(Conversation(agent.socket)))
            conversations[-1].ask(VERSION[:-1], opened)
            conversations[-1].receive(HELLO.size)  # so that the next begins with higher numbers
        for conversation in conversations:
            conversation.send(VERSION[-1:])
        answers = [conversation.result() for conversation in conversations]
        assert {status for status, _ in answers} == {0}
        require_as_before(agent, before)


def test_more_connections_than_are_taken(patient: Agent) -> None:
    """Beyond 512 at a time newcomers are turned away, until the silent ones are gone."""
    with ExitStack() as stack:
        conversations = [stack.enter_context(Conversation(patient.socket)) for _ in range(560)]
        for conversation in conversations[:512]:
            conversation.receive(HELLO.size)
        for conversation in conversations[512:]:
            assert conversation.turned_away() == b""
    until(lambda: _answers(patient.socket), "the agent takes calls again")


def _answers(path: Path) -> bool:
    try:
        return bool(version(path))
    except (NoAnswer, BrokenPipeError):
        return False


def is_answered(conversation: Conversation) -> bool:
    """Whether there is more than the agent's greeting."""
    return len(conversation.socket.recv(HELLO.size + 1, socket.MSG_PEEK)) > HELLO.size


def test_overload_is_answered(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """One worker that is busy and four who wait: everybody else is told at once to try again."""
    container = lan.container()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with Agent(tmp_path / "agent.sock", command=busy(fifo, waiting=4)) as agent, ExitStack() as stack:
        runtime.way = protocol.Spoken(agent.socket)
        adding = threading.Thread(target=lambda: runtime.add(runtime.config(None), container))
        adding.start()
        at_work = stack.enter_context(fifo.open("w"))
        conversations = [stack.enter_context(Conversation(agent.socket)) for _ in range(10)]
        for conversation in conversations:
            conversation.ask(VERSION)
        # Who of them came first is the agent's to say.
        until(lambda: sum(map(is_answered, conversations)) == 6, "six have an answer")
        waiting = [each for each in conversations if not is_answered(each)]
        refused = [each.answer(acknowledge=False) for each in conversations if each not in waiting]
        assert [status for status, _ in refused] == [1] * 6
        assert all('"code": 11' in text and "too many calls" in text for _, text in refused)
        runtime.way = Executed(str(agent.socket))
        answer = runtime.version()
        assert (answer.status, answer.code) == (1, 11)
        at_work.close()
        adding.join()
        assert [conversation.answer()[0] for conversation in waiting] == [0] * 4
        assert runtime.version().status == 0
        runtime.delete(runtime.config(None), container).expect()


def test_early_acknowledgement(agent: Agent) -> None:
    """Acknowledged before it was answered: nobody is the worse for it."""
    with Conversation(agent.socket) as conversation:
        conversation.ask(VERSION)
        conversation.send(protocol.DELIVERED * 1000)
        assert conversation.answer(acknowledge=False)[0] == 0
    assert version(agent.socket)


def test_numbers_are_big_endian(agent: Agent) -> None:
    """The hello as bytes: magic, 1, 120 s in milliseconds and protocol 2."""
    with Conversation(agent.socket) as conversation:
        assert conversation.receive(12) == b"CMV1" + struct.pack(">II", 1, 120_002)
