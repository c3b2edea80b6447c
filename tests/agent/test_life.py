"""An agent's life: how it begins, makes way for the next, and ends without failing anybody."""

from __future__ import annotations

import json
import operator
import os
import signal
import subprocess
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from tests.agent.held import detained
from tests.agent.process import Agent, inside_python, until
from tests.agent.protocol import HELLO, OWN, VERSION, Conversation, Spoken, open_namespaces, version
from tests.crash import remains
from tests.runtime import DOOR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Answer, Runtime

DUAL = {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]]}
QUEUED = 40
UPGRADES = 4
IDLE = 0.7  # seconds
PATIENCE = 30  # seconds that a door waits for a hello (docs/agent-protocol.md)


def test_sigterm_finishes_what_runs(runtime: Runtime, lan: Lan, patient: Agent) -> None:
    container = detained(lan)
    runtime.way = Spoken(patient.socket)
    added: list[Answer] = []
    adding = threading.Thread(target=lambda: added.append(runtime.add(runtime.config(DUAL), container)))
    adding.start()
    until(lambda: "net1" in container.links(), "the agent is at work")
    patient.process.send_signal(signal.SIGTERM)
    until(lambda: not patient.socket.exists(), "newcomers find no agent")
    with pytest.raises(FileNotFoundError):
        version(patient.socket)
    lan.unplug()
    adding.join()
    assert len(added[0].addresses) == 2
    patient.ended()
    with Agent(patient.socket):
        runtime.check(runtime.config(DUAL), container).expect()
        runtime.delete(runtime.config(DUAL), container).expect()
    assert remains.rows(runtime.state_dir) == {"attachment": 0, "lease": 0}


# An agent that looks up from its waiting once an hour.
DROWSY = """
from agent import server
server.TICK_SECONDS = 3600.0
server.Server(server.Options(sys.argv[1])).run()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_agent_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    """The signal wakes it."""
    agent = Agent(tmp_path / "agent.sock", command=inside_python(DROWSY)).wait_ready()
    assert version(agent.socket)
    agent.process.send_signal(number)
    agent.ended()
    assert not agent.socket.exists()


def test_sigterm_serves_who_is_in_the_queue(patient: Agent) -> None:
    """Connections that nobody has accepted yet, some with their request still to come."""
    patient.process.send_signal(signal.SIGSTOP)
    with ExitStack() as stack:
        conversations = [stack.enter_context(Conversation(patient.socket)) for _ in range(QUEUED)]
        for conversation in conversations[::2]:
            conversation.ask(VERSION)
        patient.process.send_signal(signal.SIGTERM)
        patient.process.send_signal(signal.SIGCONT)
        for conversation in conversations[::2]:
            assert conversation.answer()[0] == 0
        for conversation in conversations[1::2]:
            conversation.ask(VERSION)
            assert conversation.answer()[0] == 0
        patient.ended()


def test_a_silent_client_does_not_hold_up_the_end(agent: Agent) -> None:
    """Callers wait for the next agent meanwhile, and not for ever."""
    with Conversation(agent.socket) as silent:
        silent.receive(HELLO.size)
        began = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        agent.ended()
    assert time.monotonic() - began < PATIENCE * 0.8, "callers who wait meanwhile are heard in time"


def test_nobody_is_taken_who_would_not_be_served(patient: Agent, tmp_path: Path) -> None:
    """An agent that was told to end refuses those who were on their way to it; the door then does the work itself."""
    way = tmp_path / "way"
    os.link(patient.socket, way)
    with Conversation(patient.socket) as conversation:
        conversation.send(VERSION[:-1], opened := open_namespaces(*OWN))
        patient.process.send_signal(signal.SIGTERM)
        until(lambda: not patient.socket.exists(), "newcomers find no agent")
        until(lambda: _is_refused(way), "newcomers by the old way are refused")
        conversation.send(VERSION[-1:])
        assert conversation.answer()[0] == 0
    patient.ended()
    for descriptor in opened:
        os.close(descriptor)


def _is_refused(path: Path) -> bool:
    """Whether nobody listens; who is taken is served."""
    try:
        return not version(path)
    except ConnectionRefusedError:
        return True


def test_upgrade_without_a_gap(agent: Agent) -> None:
    """New agents take the place of the old while eight clients call: no call fails, and the old ones end."""
    stop = threading.Event()
    failures: list[BaseException] = []
    served = [0] * 8

    def call(number: int) -> None:
        while not stop.is_set():
            try:
                version(agent.socket)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the call has failed
                failures.append(error)
            served[number] += 1

    def require_all_served() -> None:
        before = list(served)
        until(lambda: min(map(operator.sub, served, before)) > 10, "every client has been served ten times more")

    clients = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for client in clients:
        client.start()
    current = agent
    try:
        for _ in range(UPGRADES):
            require_all_served()
            successor = Agent(agent.socket).wait_ready()
            current.ended()
            current = successor
        require_all_served()
    finally:
        stop.set()
        for client in clients:
            client.join()
    current.stop()
    assert failures == []


def test_upgrade_serves_who_is_in_the_old_queue(patient: Agent) -> None:
    patient.process.send_signal(signal.SIGSTOP)
    with ExitStack() as stack:
        conversations = [stack.enter_context(Conversation(patient.socket)) for _ in range(QUEUED)]
        for conversation in conversations:
            conversation.ask(VERSION)
        with Agent(patient.socket) as successor:
            assert version(successor.socket)
            patient.process.send_signal(signal.SIGCONT)
            for conversation in conversations:
                assert conversation.answer()[0] == 0
            patient.ended()
            assert version(successor.socket), "the old one took only its own socket along"


def test_agents_started_at_once(tmp_path: Path) -> None:
    """Four at the same time for the same place: one stays, the others make way, and no file is left beside it."""
    path = tmp_path / "place" / "agent.sock"
    path.parent.mkdir()
    agents = [Agent(path) for _ in range(4)]
    for agent in agents:
        agent.wait_ready()
    until(lambda: sum(agent.process.poll() is None for agent in agents) == 1, "one stays")
    assert version(path)
    left = next(agent for agent in agents if agent.process.poll() is None)
    for agent in agents:
        agent.stop() if agent is left else agent.ended()
    assert [each.name for each in path.parent.iterdir()] == ["agent.sock.log"]


def test_agent_that_cannot_be_reached_ends(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "agent.sock").wait_ready()
    agent.socket.unlink()
    agent.ended()


def test_idle_ends(tmp_path: Path) -> None:
    """Counted from the last call; where the test makes too long a pause, that is when it ends."""
    began = last = time.monotonic()
    with Agent(tmp_path / "agent.sock", "--idle", str(IDLE)) as agent:
        with suppress(FileNotFoundError, ConnectionRefusedError):
            while last < began + 3 * IDLE:
                asked = time.monotonic()
                version(agent.socket)
                last = asked
        agent.ended()
        assert time.monotonic() - last > IDLE
        assert not agent.socket.exists()


def test_unless_running(agent: Agent) -> None:
    inode = agent.socket.stat().st_ino
    began = Agent(agent.socket, "--unless-running")
    began.ended()
    assert began.told == []
    assert version(agent.socket)
    assert agent.socket.stat().st_ino == inode
    agent.kill()
    with Agent(agent.socket, "--unless-running"):
        assert version(agent.socket)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--socket", "/proc/nowhere/agent.sock"], 1),
        (["--socket", "/dev/null/agent.sock"], 1),
        (["--socket", "/run/" + "x" * 200], 1),
        (["--workers", "0"], 2),
        (["--limit", "0"], 2),
        (["--limit", "-1"], 2),
        (["--limit", "1e9"], 2),
        (["--limit", "nan"], 2),
        (["--idle", "1", "--stand-by"], 2),
        (["--idle", "-1"], 2),
        (["--idle", "nan"], 2),
    ],
    ids=str,
)
def test_cannot_begin(tmp_path: Path, options: list[str], status: int) -> None:
    """It says why, in a line, and leaves nothing."""
    done = subprocess.run(
        [DOOR, "agent", *(options if "--socket" in options else [*options, "--socket", str(tmp_path / "agent.sock")])],
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_socket_in_the_working_directory(tmp_path: Path) -> None:
    """A bare file name is a place like any other."""
    with subprocess.Popen(
        [DOOR, "agent", "--socket", "agent.sock"], cwd=tmp_path, env={"PATH": os.environ["PATH"]}
    ) as agent:
        path = tmp_path / "agent.sock"
        until(path.exists, "it listens")
        assert json.loads(version(path))["cniVersion"] == "1.0.0"
        agent.terminate()
        assert agent.wait(30) == 0
