"""Who waits for somebody else in a call occupies no worker: more of them than there are, and others are served."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from link.locks import LOCK_SECONDS
from link.netns import open_namespace
from tests.agent.process import Agent, inside_python, until
from tests.agent.protocol import Spoken, version
from tests.crash import remains

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

WORKERS = 2
WAITING = 3 * WORKERS
POOL = {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24"}]]}
QUICK = LOCK_SECONDS / 3


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with Agent(tmp_path / "agent.sock", "--workers", str(WORKERS)) as made:
        yield made


@pytest.fixture
def spoken(runtime: Runtime, agent: Agent) -> Runtime:
    runtime.way = Spoken(agent.socket)
    return runtime


def require_quick(runtime: Runtime, config: Json, container: Namespace) -> None:
    """Whatever others wait for: this container has its turn."""
    began = time.monotonic()
    runtime.attach("ADD", config, container).expect()
    runtime.attach("DEL", config, container).expect()
    assert time.monotonic() - began < QUICK


def hold(stack: ExitStack, runtime: Runtime, containers: list[Namespace]) -> None:
    """Have another process's call be at work on each of them."""
    for each in containers:
        stack.enter_context(closing(open_namespace(str(each.path)))).lock(str(runtime.state_dir))


def test_held_locks(spoken: Runtime, lan: Lan, agent: Agent) -> None:
    config = spoken.config(POOL)
    containers = [lan.container() for _ in range(WAITING)]
    for each in containers:
        spoken.attach("ADD", config, each).expect()
    with ThreadPoolExecutor(WAITING) as threads:
        with ExitStack() as stack:
            hold(stack, spoken, containers)
            deleted = [threads.submit(spoken.attach, "DEL", config, each) for each in containers]
            until(lambda: all(agent.at_work_on(each) for each in containers), "all wait for their locks")
            require_quick(spoken, config, lan.container())
            assert not any(each.done() for each in deleted)
        for answer in deleted:
            answer.result().expect()
    assert [each.links() for each in containers] == [["lo"]] * WAITING
    assert remains.rows(spoken.state_dir) == {"attachment": 0, "lease": 0}
    until(lambda: [version(agent.socket), len(agent.threads())][1] == WORKERS + 1, "no thread is left over")


def test_a_stopping_agent_serves_all_who_wait(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    config = runtime.config(POOL)
    containers = [lan.container() for _ in range(WAITING)]
    agent = Agent(tmp_path / "agent.sock", "--workers", str(WORKERS)).wait_ready()
    runtime.way = Spoken(agent.socket)
    with ThreadPoolExecutor(WAITING) as threads:
        with ExitStack() as stack:
            hold(stack, runtime, containers)
            added = [threads.submit(runtime.attach, "ADD", config, each) for each in containers]
            until(lambda: all(agent.at_work_on(each) for each in containers), "all wait for their locks")
            agent.process.send_signal(signal.SIGTERM)
            until(lambda: not agent.socket.exists(), "it stops")
        addresses = {address for each in added for address in each.result().addresses}
        assert len(addresses) == WAITING
    agent.ended()


IMPATIENT = """
from agent import command
from link import locks
locks.LOCK_SECONDS = 2
sys.exit(command.run_agent(["--workers=1", "--socket", sys.argv[1]]))
"""


def test_the_wait_ends(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """Beyond its limit every one of them is told so, and has changed nothing."""
    config = runtime.config(POOL)
    containers = [lan.container() for _ in range(WAITING)]
    with Agent(tmp_path / "agent.sock", command=inside_python(IMPATIENT)) as agent, ExitStack() as stack:
        runtime.way = Spoken(agent.socket)
        hold(stack, runtime, containers)
        with ThreadPoolExecutor(WAITING) as threads:
            answers = list(threads.map(lambda each: runtime.attach("ADD", config, each), containers))
    assert [answer.code for answer in answers] == [11] * WAITING
    for answer, container in zip(answers, containers, strict=True):
        assert answer.document["msg"] == f"another process has held CNI_NETNS {container.path} for 2 s; call again"
    assert [each.links() for each in containers] == [["lo"]] * WAITING


# An IPAM plugin whose ADD lasts, while there is a FIFO, until that has been opened and closed.
HANGING = """#!/bin/sh
[ $CNI_COMMAND = ADD ] && echo >> NOTES && [ -p FIFO ] && cat FIFO
[ $CNI_COMMAND = ADD ] && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.77/24"}]}'
exit 0
"""


def test_ipam_plugins_that_hang(spoken: Runtime, lan: Lan, tmp_path: Path) -> None:
    notes, fifo = tmp_path / "notes", tmp_path / "fifo"
    notes.touch()
    os.mkfifo(fifo)
    hanging = spoken.cni_path / "hanging"
    hanging.write_text(HANGING.replace("NOTES", str(notes)).replace("FIFO", str(fifo)))
    hanging.chmod(0o755)
    containers = [lan.container() for _ in range(WAITING)]
    config = spoken.config({"type": "hanging"})
    with ThreadPoolExecutor(WAITING) as threads:
        added = [threads.submit(spoken.attach, "ADD", config, each) for each in containers]
        until(lambda: len(notes.read_text()) == WAITING, "all wait for their IPAM plugins")
        require_quick(spoken, spoken.config(POOL), lan.container())
        with fifo.open("w"):
            fifo.unlink()
        for answer in added:
            answer.result().expect()
    for each in containers:
        spoken.attach("DEL", config, each).expect()
