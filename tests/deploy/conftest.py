"""A node of a cluster: a machine without our Python on it, and a kubelet in small that runs our pods there."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.deploy.images import Workshop
from tests.deploy.kubelet import Kubelet
from tests.left_behind import left_on
from tests.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lan import Lan

ARCHIVE = "images.tar"
FORMER = ("/opt/cni", "/opt/cni-macvlan-py", "/etc/cni-macvlan-py", "/etc/containers/containers.conf")
"""What the machine that the tests run on may have."""


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A tree with an archive of both images; built once for all workers of a run."""
    own = tmp_path_factory.getbasetemp()
    place = (own if worker_id == "master" else own.parent) / "images"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / ARCHIVE).is_file():
            place.mkdir(exist_ok=True)
            # podman takes no long paths for its store.
            with tempfile.TemporaryDirectory(prefix="cmv-", dir="/var/tmp") as directory:
                Workshop(Path(directory)).build(place / ARCHIVE)
    return place


@pytest.fixture
def kubelet(lan: Lan, tmp_path: Path, images: Path) -> Iterator[Kubelet]:
    """The node; when the test is over, no attachment may have left a trace."""
    with Machine(lan.node, tmp_path, images) as machine:
        machine.run("rm", "-rf", *FORMER)
        yield Kubelet(machine, f"/{ARCHIVE}")
        assert left_on(machine) == []
