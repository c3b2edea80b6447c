"""A node of a cluster: a machine without our Python on it, and a kubelet in small that runs our pods there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deploy.images import ARCHIVE
from tests.deploy.kubelet import Kubelet
from tests.left_behind import left_on
from tests.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan


@pytest.fixture
def kubelet(lan: Lan, tmp_path: Path, images: Path) -> Iterator[Kubelet]:
    """The node; when the test is over, no attachment may have left a trace."""
    with Machine(lan.node, tmp_path, images) as machine:
        machine.freshen()
        yield Kubelet(machine, f"/{ARCHIVE}")
        assert left_on(machine) == []
