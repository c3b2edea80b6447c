"""A machine on the test LAN that the plugin is installed on, in each of the ways that a runtime may call it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.left_behind import left_on
from tests.machine import Machine
from tests.once import SECONDS, once
from tests.runtime import REPOSITORY
from tests.runtimes.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, worker_id: str, without_network: dict[str, str]) -> Path:
    """The files that `make install` puts on a machine; made once for all workers of a run."""

    def install(place: Path) -> None:
        subprocess.run(
            ["make", "-C", str(REPOSITORY), "install", f"DESTDIR={place}", "LINKS=macvlan host-local static"],
            env=os.environ | without_network, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
            timeout=SECONDS,
        )  # fmt: skip

    return once(tmp_path_factory, worker_id, "installed", install)


@pytest.fixture(params=["launcher", "agent"])
def node(lan: Lan, tmp_path: Path, installed: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    """A machine with the plugin; when the test is over, no attachment may have left a trace."""
    with Machine(lan.node, tmp_path, installed) as machine:
        made = Node(lan, machine)
        made.serve(request.param)
        yield made
        assert left_on(machine) == []
