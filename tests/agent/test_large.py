"""Calls with much to read: however many come at once, an agent stays as small as a process that serves one of them."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from agent.large import LARGE
from agent.server import MAX_BYTES
from tests.agent.process import SECONDS, Agent, until
from tests.agent.protocol import HELLO, OWN, REQUEST, Conversation, open_namespaces, request, version
from tests.unit.agent.test_memory import FULL, HEAD, LONG, MOST, filled

AT_ONCE = 16
PARTS = 200_000
PATIENCE = 4 * SECONDS


def ask(agent: Agent, directory: Path, verb: str, stdin: str) -> int:
    """The code that a call is answered with, for a container that is not there."""
    variables = {
        "CNI_COMMAND": verb, "CNI_CONTAINERID": "c", "CNI_IFNAME": "net1", "CNI_NETNS": str(directory / "none"),
        "CNI_PATH": str(directory), "CNI_MACVLAN_SETTINGS": str(directory / "settings.toml"),
    }  # fmt: skip
    with Conversation(agent.socket, PATIENCE) as conversation:
        with suppress(BrokenPipeError, ConnectionResetError):  # who is refused need not have said all
            conversation.ask(request(variables, stdin))
        status, text = conversation.answer()
    return int(json.loads(text)["code"]) if status else 0


def served(agent: Agent, directory: Path, verb: str, stdin: str) -> int:
    """The code of a call that has room: the one before has answered, and may not have gone yet."""
    codes: list[int] = []

    def is_taken() -> bool:
        codes.append(ask(agent, directory, verb, stdin))
        return codes[-1] != 11

    until(is_taken, "a call has room")
    return codes[-1]


def is_served(agent: Agent, message: bytes) -> bool:
    """Whether a call succeeds."""
    with Conversation(agent.socket) as conversation:
        conversation.ask(message)
        return conversation.answer()[0] == 0


def peak(agent: Agent) -> int:
    """Bytes that it had in memory at the most."""
    status = Path(f"/proc/{agent.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024


def test_memory(agent: Agent, tmp_path: Path) -> None:
    """One after the other, then as many at once as there are workers: beyond what has room one may come again."""
    (tmp_path / "settings.toml").write_text(f'state_dir = "{tmp_path}/state"\n')
    inputs = [filled(*each, PARTS) for each in FULL.values()]
    inputs += [json.dumps(HEAD | each, ensure_ascii=False) for each in LONG.values()]
    codes = {served(agent, tmp_path, verb, stdin) for stdin in inputs for verb in ("ADD", "GC")}
    assert 999 not in codes
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for stdin in (inputs[2], inputs[-1]):
            at_once = list(threads.map(ask, *zip(*[(agent, tmp_path, "ADD", stdin)] * AT_ONCE, strict=True)))
            assert set(at_once) <= codes | {11}
            assert set(at_once) & codes
    assert peak(agent) < MOST


def test_announced_and_never_sent(agent: Agent) -> None:
    """What is only announced takes room from other large calls, and from no others."""
    opened = open_namespaces(*OWN)
    announcing = [Conversation(agent.socket) for _ in range(3)]
    for conversation in announcing:
        conversation.send(REQUEST + (MAX_BYTES // 3 - HELLO.size).to_bytes(4, "big"), opened)
    variables = {"CNI_COMMAND": "VERSION"}
    version(agent.socket)
    with Conversation(agent.socket) as refused:
        refused.ask(request(variables, " " * LARGE))
        status, text = refused.answer(acknowledge=False)
        assert (status, json.loads(text)["code"]) == (1, 11)
        assert "too much to read" in text
    for conversation in announcing:
        conversation.socket.close()
    until(lambda: is_served(agent, request(variables, " " * LARGE)), "the agent has seen that those have gone")
    for descriptor in opened:
        os.close(descriptor)
