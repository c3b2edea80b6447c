"""Fresh machines on a home LAN, with a checkout, and with packages as if their owner had a network to get them from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.cluster import cluster
from tests.deploy.images import ARCHIVE
from tests.left_behind import left_on
from tests.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan

NODE, ROUTER, WORKSTATION = "192.168.1.10/24", "192.168.1.1/24", "192.168.1.20"


@pytest.fixture
def home(lan: Lan) -> Lan:
    """A LAN of 192.168.1.0/24, with `eth0` of the node on it, and ``lan.peer`` for its router."""
    for host, address in ((lan.node, NODE), (lan.peer, ROUTER)):
        host.batch("addr flush dev eth0 scope global", f"addr add {address} dev eth0")
    lan.node.batch(f"route add default via {ROUTER.partition('/')[0]}")
    return lan


@pytest.fixture
def machine(home: Lan, tmp_path: Path, wheels: Path) -> Iterator[Machine]:
    """The machine, on the LAN."""
    with Machine(home.node, tmp_path, wheels) as booted:
        booted.freshen()
        yield booted
        assert left_on(booted) == []


@pytest.fixture
def workstation(home: Lan, tmp_path: Path, images: Path) -> Iterator[Machine]:
    """A machine of the LAN beside a cluster's only node, whose containerd has our images as if it had pulled them."""
    places = [tmp_path / name for name in ("node", "workstation")]
    for place in places:
        place.mkdir()
    with Machine(home.node, places[0], images) as node, Machine(home.neighbour(WORKSTATION), places[1]) as booted:
        node.freshen()
        node.run("mount", "--make-rshared", "/")  # as a node's init has it, without which no pod sees later mounts
        with cluster(node, f"/{ARCHIVE}"):
            yield booted
        assert left_on(node) == []
