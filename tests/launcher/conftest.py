"""The launcher in both builds: as shipped, and with the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.launcher.launched import Launcher

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).resolve().parents[2] / "launcher"
TARGETS = {"shipped": ("all", "launcher"), "sanitized": ("test-asan", "launcher-asan")}


@pytest.fixture(scope="session", params=TARGETS)
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    """A build of this session's own, with a Python door's path of its own."""
    directory = tmp_path_factory.mktemp("launcher")
    target, name = TARGETS[request.param]
    door = directory / "door"
    make = ["make", "--silent", "--directory", str(SOURCE), f"BUILD={directory}", f"DOOR={door}", target]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    return Launcher(directory / name, door)


@pytest.fixture
def launcher(build: Launcher) -> Iterator[Launcher]:
    """A launcher without a Python door, unless the test makes one."""
    yield dataclasses.replace(build)
    build.door.unlink(missing_ok=True)


@pytest.fixture
def agent_path(tmp_path: Path) -> Path:
    """Where the launcher is told to look for the agent."""
    return tmp_path / "agent.sock"
