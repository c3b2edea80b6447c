"""An agent that the system gives too little of something: each call is answered with a code, and nothing is lost."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from link.netns import open_namespace
from tests.agent.process import Agent, until
from tests.agent.protocol import VERSION, Conversation, NoAnswer, Spoken, version
from tests.crash import remains
from tests.fuzz.verdict import CODES

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

POOL = {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]]}
MOST = 100
GONE = 11
"""What the door makes of an agent that hangs up."""


def code(runtime: Runtime, verb: str, config: Json, container: Namespace, told: list[str]) -> int:
    try:
        answer = runtime.attach(verb, config, container)
    except (NoAnswer, BrokenPipeError):
        return GONE
    told.append(answer.msg)
    return answer.code


def require_whole(runtime: Runtime, config: Json, container: Namespace, agent: Agent, before: list[str]) -> None:
    """Nothing is left that a DEL does not remove, and everything works again."""
    assert agent.process.poll() is None
    runtime.attach("DEL", config, container).expect()
    assert (container.links(), remains.rows(runtime.state_dir)) == (["lo"], {"attachment": 0, "lease": 0})
    until(lambda: version(agent.socket) and agent.is_resting() and agent.descriptors() == before, f"it holds {before}")


@pytest.mark.parametrize("verb", ["ADD", "DEL"])
def test_descriptors(spoken: Runtime, lan: Lan, agent: Agent, verb: str) -> None:
    """One for the connection, and then ever more, until there are enough."""
    config, container = spoken.config(POOL), lan.container()
    for each in ("ADD", "DEL"):
        spoken.attach(each, config, container).expect()
    until(agent.is_resting, "the call's descriptors are closed")
    before = agent.descriptors()
    held = {int(each.name) for each in Path(f"/proc/{agent.pid}/fd").iterdir()}
    free = [number for number in range(max(held) + MOST) if number not in held]
    usual = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
    codes: list[int] = []
    told: list[str] = []
    while not codes or codes[-1]:
        if verb == "DEL":
            spoken.attach("ADD", config, container).expect()
        resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (free[len(codes)] + 1, usual[1]))
        try:
            codes.append(code(spoken, verb, config, container, told))
        finally:
            resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, usual)
        if codes[-1]:
            assert ("net1" in container.links()) == (verb == "DEL"), codes
        require_whole(spoken, config, container, agent, before)
    assert set(codes) <= CODES | {0}
    assert told[0].startswith("the agent has no descriptors left"), told


def address_space(agent: Agent) -> int:
    """Bytes, most of which are the stacks of its threads, and unused."""
    return int(Path(f"/proc/{agent.pid}/statm").read_text().split()[0]) * resource.getpagesize()


def test_memory(spoken: Runtime, lan: Lan, agent: Agent) -> None:
    """Room for less and less of anything."""
    config, container = spoken.config(POOL), lan.container()
    for each in ("ADD", "DEL"):
        spoken.attach(each, config, container).expect()
    until(agent.is_resting, "the call's descriptors are closed")
    before = agent.descriptors()
    usual = resource.prlimit(agent.pid, resource.RLIMIT_AS)
    for spare in (4 << 20, 1 << 20, 1 << 18, 1 << 16, 0):
        resource.prlimit(agent.pid, resource.RLIMIT_AS, (address_space(agent) + spare, usual[1]))
        try:
            codes = {code(spoken, verb, config, container, []) for verb in ("ADD", "DEL", "ADD")}
        finally:
            resource.prlimit(agent.pid, resource.RLIMIT_AS, usual)
        assert codes <= CODES | {0}
        require_whole(spoken, config, container, agent, before)


def test_threads(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """A call that needs another thread waits until the system has one."""
    config, container = runtime.config(POOL), lan.container()
    with Agent(tmp_path / "agent.sock", "--workers=1") as agent, ThreadPoolExecutor(1) as threads:
        runtime.way = Spoken(agent.socket)
        usual = resource.prlimit(agent.pid, resource.RLIMIT_AS)
        with closing(open_namespace(str(container.path))) as held:
            held.lock(str(runtime.state_dir))
            added = threads.submit(runtime.attach, "ADD", config, container)
            until(lambda: agent.at_work_on(container), "its worker waits for the lock")
            resource.prlimit(agent.pid, resource.RLIMIT_AS, (address_space(agent) + (1 << 20), usual[1]))
            with Conversation(agent.socket) as conversation:
                conversation.ask(VERSION)
                until(lambda: "no thread could be started" in agent.log.read_text(), "it looks for another")
                resource.prlimit(agent.pid, resource.RLIMIT_AS, usual)
                assert conversation.answer()[0] == 0
        added.result().expect()
        runtime.attach("DEL", config, container).expect()
