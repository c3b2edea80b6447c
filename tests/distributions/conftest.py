"""Fresh systems of each Debian that we promise to work on, made by `.ci/fetch-distribution`."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.distributions.system import PATIENCE, System
from tests.once import once
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

SUITES = ("bookworm", "trixie", "sid")


@pytest.fixture(params=SUITES)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> System:
    """A fresh system of a suite, got once in a run."""
    suite = request.param

    def fetch(place: Path) -> None:
        fetched = [REPOSITORY / ".ci/fetch-distribution", suite, place / "root.tar"]
        subprocess.run(fetched, stdin=subprocess.DEVNULL, check=True, timeout=PATIENCE)

    return System(once(tmp_path_factory, worker_id, f"distribution-{suite}", fetch) / "root.tar")
