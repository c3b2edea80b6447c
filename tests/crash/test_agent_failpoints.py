"""A kill, or a refusal by the kernel, at system calls of an agent that serves: no address in use is ever free.

strace counts for each thread alone, and which one serves a call is not known: the numbers are low ones.
"""

from __future__ import annotations

import os
import random
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.agent.process import Agent, until
from tests.crash.failpoints import KILL, REFUSALS, Failpoint
from tests.lan import SUBNET4
from tests.ways import Executed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lan import Lan
    from tests.runtime import Runtime

WANTED: Final = int(os.environ.get("CNI_MACVLAN_AGENT_FAILPOINTS", "6"))
SEED: Final = int(os.environ.get("CNI_MACVLAN_SEED", random.SystemRandom().randrange(1 << 16)))
SERVING: Final = ("openat", "pwrite64", "fcntl", "socket", "sendto", "sendmsg", "recvmsg", "setns", "fstat", "write")


def drawn() -> list[Failpoint]:
    """Points that the seed has chosen."""
    dice = random.Random(SEED)  # noqa: S311 - to be repeated
    names = [dice.choice(SERVING) for _ in range(WANTED)]
    return [Failpoint(name, dice.randrange(1, 6), dice.choice((KILL, *REFUSALS[name]))) for name in names]


@contextmanager
def traced(pid: int, point: Failpoint) -> Iterator[None]:
    """Have the point in every thread of a process."""
    command = ["strace", "-f", "-qq", "-p", str(pid), *point.words]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tracer:
        until(lambda: all(_tracer(thread) == tracer.pid for thread in Path(f"/proc/{pid}/task").iterdir()), "traced")
        try:
            yield
        finally:
            tracer.terminate()


def _tracer(thread: Path) -> int:
    return int((thread / "status").read_text().partition("TracerPid:")[2].split()[0])


@pytest.mark.parametrize("verb", ["ADD", "DEL"])
def test_failpoints_of_an_agent(lan: Lan, runtime: Runtime, tmp_path: Path, verb: str) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    asking = Executed(str(tmp_path / "agent.sock"))
    for point in drawn():
        when = f"CNI_MACVLAN_SEED={SEED}: {verb}, {point}"
        runtime.way = Executed()
        container = lan.container()
        if verb == "DEL":
            runtime.add(config, container).expect()
        agent = Agent(tmp_path / "agent.sock").wait_ready()
        try:
            runtime.way = asking
            with traced(agent.pid, point):
                answer = runtime.attach(verb, config, container)
        finally:
            agent.kill()
        is_there = "net1" in container.links()
        is_held = bool(runtime.held())
        assert is_held or not is_there, when
        assert answer.status in {0, 1}, f"{when}: {answer}"
        assert answer.code != 999, f"{when}: {answer}"
        if answer.ok:
            assert (is_there, is_held) == (verb == "ADD", verb == "ADD"), f"{when}: {answer}"
        assert "Traceback" not in agent.log.read_text(), f"{when}: {agent.log.read_text()}"
        runtime.way = Executed()
        runtime.delete(config, container).expect()
        assert (container.links(), runtime.held()) == (["lo"], []), when
