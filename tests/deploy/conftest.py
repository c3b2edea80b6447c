"""A node of a cluster: a machine without our Python on it, and a kubelet in small that runs our pods there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.runtime import runtime
from tests.deploy.calls import Container
from tests.deploy.images import ARCHIVE
from tests.deploy.kubelet import Kubelet
from tests.deploy.pod import KUBERNETES, one, rendered
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
        # The first `ip netns add` binds the directory to itself, with all that is mounted in it then: a sandbox's
        # namespace would be there twice, and could not be removed.
        with Container(machine, "first"):
            pass
        with runtime(machine, f"/{ARCHIVE}") as cri:
            yield Kubelet(machine, cri, one(rendered(KUBERNETES), "ConfigMap"))
        assert left_on(machine) == []
