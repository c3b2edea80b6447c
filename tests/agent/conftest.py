"""An agent of the test's own, and a runtime whose calls it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent.held import PATIENT
from tests.agent.process import Agent
from tests.agent.protocol import Spoken
from tests.runtime import DOOR, ROLES, Runtime
from tests.ways import Executed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan

PLUGINS = dict.fromkeys((*ROLES, DOOR.name), DOOR)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """An agent; it ends at SIGTERM with status 0 and has had no exception."""
    with Agent(tmp_path / "agent.sock") as made:
        yield made
    assert not made.socket.exists()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Agent]:
    """An agent that waits for requests, and for duplicate address detection, as long as a test may take."""
    with Agent(tmp_path / "agent.sock", command=PATIENT) as made:
        yield made
    assert not made.socket.exists()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """One agent for all tests of a module that ask for nothing but to be turned away."""
    with Agent(tmp_path_factory.mktemp("shared") / "agent.sock") as made:
        yield made


@pytest.fixture
def runtime(lan: Lan, tmp_path: Path) -> Runtime:
    """A runtime that executes the door, which does the work itself unless ``way`` is set to another."""
    made = Runtime(lan, PLUGINS, tmp_path / "ours")
    made.way = Executed()
    return made


@pytest.fixture
def spoken(runtime: Runtime, agent: Agent) -> Runtime:
    """The same runtime, all of whose calls the agent serves, without a process for each."""
    runtime.way = Spoken(agent.socket)
    return runtime
