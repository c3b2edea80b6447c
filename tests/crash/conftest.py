"""A node whose plugin is preloaded, for all tests of a module; containers are made for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.preload import Preload
from tests.crash.scenarios import SCENARIOS
from tests.crash.stage import Stage
from tests.lan import Lan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def preload(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preload]:
    """A preloaded plugin on a LAN of its own; nothing of either may be left."""
    del root
    with Lan() as lan:
        with Preload(lan, tmp_path_factory.mktemp("node") / "ours") as made:
            yield made
        processes = lan.node.processes()
    assert (processes, lan.leaks) == ([], [])


@pytest.fixture
def stage_of(preload: Preload) -> Iterator[Callable[[str], Stage]]:
    """Makes an attachment of a kind on a container of its own."""
    made = []

    def make(kind: str) -> Stage:
        made.append(Stage(preload, SCENARIOS[kind]))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture(params=SCENARIOS.keys())
def stage(request: pytest.FixtureRequest, stage_of: Callable[[str], Stage]) -> Stage:
    """Each kind of attachment."""
    return stage_of(request.param)
