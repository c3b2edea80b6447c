"""The probe of a pod, and of people: who answers at the agent's socket."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import Agent
from tests.cli.command import answered, call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANOTHER_POD = ("unshare", "--pid", "--fork", "--mount-proc")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with Agent(tmp_path / "agent.sock", "--workers", "1") as made:
        yield made


def test_whose_agent_it_is(agent: Agent) -> None:
    assert answered("ping", "--own", "--socket", agent.socket)["process"] == agent.pid
    there = answered("ping", variables={"CNI_MACVLAN_AGENT_SOCKET": str(agent.socket)}, prefix=ANOTHER_POD)
    assert (there["answers"], there["process"]) == (True, 0)
    not_ours = answered("ping", "--own", "--socket", agent.socket, prefix=ANOTHER_POD, status=1)
    assert (not_ours["answers"], not_ours["words"]) == (False, "an agent of another container takes calls")


def test_nobody_is_there(agent: Agent) -> None:
    agent.kill()
    done = call("ping", "--socket", agent.socket)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{agent.socket}: [Errno 111] Connection refused\n")


def test_one_that_hangs_does_not_answer(agent: Agent) -> None:
    agent.process.send_signal(signal.SIGSTOP)
    assert "says nothing" in answered("ping", "--socket", agent.socket, status=1)["words"]
