"""Clients, agents and IPAM plugins that die or stop in the middle of a call: what was begun is undone or repaired."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import pytest

from tests.agent import protocol
from tests.agent.held import PATIENT, detained
from tests.agent.process import SECONDS, Agent, inside_python, until
from tests.agent.protocol import VERSION, Conversation, NoAnswer, Spoken, open_namespaces, request, version
from tests.crash import remains
from tests.runtime import Answer, one_document
from tests.ways import Executed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

DUAL = {
    "type": "cni-macvlan-py",
    "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
}
INSTANTS = 8
LIMIT = 1.5
PATIENCE = 30.0  # seconds that the door waits for a hello (docs/agent-protocol.md)
NOTHING = {"attachment": 0, "lease": 0}


def environment(runtime: Runtime, verb: str, container: Namespace) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "CNI_MACVLAN_SETTINGS": str(runtime.settings),
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": container.name,
        "CNI_NETNS": str(container.path),
        "CNI_IFNAME": "net1",
        "CNI_PATH": str(runtime.cni_path),
    }


def begin(
    runtime: Runtime, agent: Agent, config: Json, container: Namespace, stdout: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """An ADD by the door, under way."""
    door = subprocess.Popen(
        ["nsenter", f"--net={runtime.lan.node.path}", str(runtime.cni_path / "macvlan")],
        env=environment(runtime, "ADD", container) | {"CNI_MACVLAN_AGENT_SOCKET": str(agent.socket)},
        stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert door.stdin
    door.stdin.write(json.dumps(config))
    door.stdin.close()
    door.stdin = None
    return door


def begin_speaking(runtime: Runtime, agent: Agent, config: Json, container: Namespace) -> Conversation:
    """An ADD without a door, under way."""
    conversation = Conversation(agent.socket)
    opened = open_namespaces(runtime.lan.node.path, protocol.OWN_MOUNT, protocol.OWN_ROOT, container.path)
    conversation.ask(request(environment(runtime, "ADD", container), json.dumps(config)), opened)
    for descriptor in opened:
        os.close(descriptor)
    return conversation


def is_clean(runtime: Runtime, container: Namespace) -> bool:
    return container.links() == ["lo"] and remains.rows(runtime.state_dir) == NOTHING


def test_client_killed_while_the_agent_works(runtime: Runtime, lan: Lan, patient: Agent) -> None:
    container = detained(lan)
    door = begin(runtime, patient, runtime.config(DUAL), container)
    until(lambda: "net1" in container.links(), "the agent is at work")
    door.kill()
    assert door.communicate()[0] == ""
    lan.unplug()
    until(lambda: is_clean(runtime, container), "the ADD is undone")
    assert version(patient.socket)


def test_client_gone_before_its_turn(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """What nobody waits for any more is not even begun."""
    container = lan.container()
    with Agent(tmp_path / "agent.sock", "--workers", "1") as agent, Conversation(agent.socket) as first:
        first.ask(VERSION)
        assert first.answer(acknowledge=False)[0] == 0
        begin_speaking(runtime, agent, runtime.config(DUAL), container).socket.close()
        first.acknowledge()
        assert version(agent.socket), "and with this the second had its turn"
        assert is_clean(runtime, container)


@pytest.mark.parametrize("how", ["closed", "half closed", "wrong byte"])
def test_answer_not_acknowledged(runtime: Runtime, lan: Lan, agent: Agent, how: str) -> None:
    container = lan.container()
    with begin_speaking(runtime, agent, runtime.config(DUAL), container) as conversation:
        assert conversation.answer(acknowledge=False)[0] == 0
        assert container.links() == ["lo", "net1"]
        if how == "closed":
            conversation.socket.close()
        elif how == "half closed":
            conversation.socket.shutdown(socket.SHUT_WR)
        else:
            conversation.send(b"\x15")
        until(lambda: is_clean(runtime, container), "the ADD is undone")


def test_client_that_never_acknowledges(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """It is waited for as long as the limit says, and holds no worker meanwhile; then its ADD is undone."""
    container = lan.container()
    began = time.monotonic()
    with (
        Agent(tmp_path / "agent.sock", "--workers", "1", "--limit", str(LIMIT)) as agent,
        begin_speaking(runtime, agent, runtime.config(DUAL), container) as conversation,
    ):
        assert conversation.answer(acknowledge=False)[0] == 0
        assert version(agent.socket), "the worker is free"
        with pytest.raises(NoAnswer):
            conversation.receive(1)
        assert LIMIT < time.monotonic() - began < LIMIT + SECONDS
        until(lambda: is_clean(runtime, container), "the ADD is undone")


def test_delegate_that_does_not_end(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """It holds its worker for ``delegate_timeout`` and no longer."""
    container = lan.container()
    hanging = runtime.cni_path / "hanging"
    hanging.write_text('#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] && sleep 1000\nexit 0\n')
    hanging.chmod(0o755)
    with runtime.settings.open("a") as settings:
        settings.write("delegate_timeout = 5\n")  # its DEL, which undoes the ADD, has to end in it
    with Agent(tmp_path / "agent.sock", "--workers", "1") as agent:
        runtime.way = Spoken(agent.socket)
        answer = runtime.add(runtime.config({"type": "hanging"}), container)
        assert answer.code == 111
        assert f'"{hanging}" did not end its ADD' in answer.msg
        assert version(agent.socket), "the worker is free again"
        until(agent.is_resting, "it holds nothing of the call")
        assert agent.children() == []
    until(lambda: not lan.node.processes(), "what it had started is dead")
    assert is_clean(runtime, container)


def test_runtime_that_does_not_read(runtime: Runtime, lan: Lan, agent: Agent) -> None:
    """Nobody reads the door's stdout: the ADD has not succeeded, and nothing of it is left."""
    container = lan.container()
    reader, stdout = os.pipe()
    os.close(reader)
    door = begin(runtime, agent, runtime.config(DUAL), container, stdout)
    os.close(stdout)
    assert door.stderr
    assert door.wait(SECONDS) == 1
    assert "could not be written" in door.stderr.read()
    door.stderr.close()
    until(lambda: is_clean(runtime, container), "the ADD is undone")


def test_agent_killed_under_the_door(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """The door tells the runtime to try again, as one JSON document; its DEL leaves nothing."""
    container = detained(lan)
    config = runtime.config(DUAL)
    agent = Agent(tmp_path / "agent.sock", command=PATIENT).wait_ready()
    door = begin(runtime, agent, config, container)
    until(lambda: "net1" in container.links(), "the agent is at work")
    agent.kill()
    stdout, stderr = door.communicate(timeout=SECONDS)
    answer = Answer(door.returncode, one_document(stdout), stdout, stderr)
    assert (answer.status, answer.code) == (1, 11), f"{stdout}{stderr}"
    assert answer.document["msg"] == "the agent went away; try again"
    runtime.delete(config, container).expect()
    assert is_clean(runtime, container)


# An agent that kills itself before the given line of Python of a call; 0: never, and in the end it tells how many its
# last call had.
MORTAL = inside_python("""
import os, signal
from agent import command, worker
count, last, serve = 0, int(sys.argv[1]), worker.serve

def trace(frame, event, argument):
    global count
    count += event == "line"
    if event == "line" and count == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return trace

def traced(*call):
    global count
    count = 0
    sys.settrace(trace)
    try:
        serve(*call)
    finally:
        sys.settrace(None)

worker.serve = traced
command.run_agent(["--socket", sys.argv[2]])
sys.stderr.write(f"{count}\\n")
""")


def test_agent_killed_at_any_instant(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """Between any two lines of an ADD: DEL, by the next agent or by the door alone, leaves nothing."""
    container = lan.container()
    config = runtime.config(DUAL)
    path = tmp_path / "agent.sock"
    runtime.way = Spoken(path)
    with Agent(path, command=(*MORTAL, "0")) as agent:
        for verb in ("ADD", "DEL", "ADD"):  # the first makes the database as well
            runtime.attach(verb, config, container).expect()
    lines = int(agent.log.read_text().splitlines()[-1])
    runtime.way = Executed()
    runtime.delete(config, container).expect()
    for number in range(INSTANTS):
        agent = Agent(path, command=(*MORTAL, str(1 + lines * number // INSTANTS))).wait_ready()
        with begin_speaking(runtime, agent, config, container) as conversation, suppress(NoAnswer, BrokenPipeError):
            conversation.answer()
        assert agent.process.wait(SECONDS) == -signal.SIGKILL
        agent.kill()
        with Agent(path) if number % 2 else nullcontext():
            runtime.way = Spoken(path) if number % 2 else Executed()
            runtime.delete(config, container).expect()
        assert is_clean(runtime, container), number


def test_agent_that_does_not_answer(runtime: Runtime, agent: Agent) -> None:
    """A stopped agent is told from none: the door waits for its greeting, then gives up."""
    agent.process.send_signal(signal.SIGSTOP)
    runtime.way = Executed(str(agent.socket))
    began = time.monotonic()
    answer = runtime.version()
    assert (answer.status, answer.code) == (1, 11)
    assert "does not answer" in answer.msg
    assert PATIENCE < time.monotonic() - began < PATIENCE + SECONDS
    agent.process.send_signal(signal.SIGCONT)
    assert runtime.version().ok


def test_no_agent_any_more(runtime: Runtime, tmp_path: Path) -> None:
    """A socket that nobody listens on is as good as none."""
    path = tmp_path / "agent.sock"
    agent = Agent(path).wait_ready()
    agent.kill()
    assert path.exists()
    runtime.way = Executed(str(path))
    assert runtime.version().ok
    with pytest.raises(ConnectionRefusedError):
        version(path)
    with Agent(path):
        assert version(path)
    runtime.way = Spoken(path)
    assert not path.exists()
