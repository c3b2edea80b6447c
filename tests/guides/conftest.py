"""A fresh machine on a home LAN, with a checkout, and with packages as if its owner had a network to get them from."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.left_behind import left_on
from tests.machine import Machine
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan

NODE, ROUTER = "192.168.1.10/24", "192.168.1.1/24"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """What `make install` gets from PyPI, as a tree whose /wheels is on a machine; got once for all workers."""
    own = tmp_path_factory.getbasetemp()
    place = (own if worker_id == "master" else own.parent) / "packages"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--no-input"]
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            wanted = ["--requirement", str(REPOSITORY / "requirements.txt"), "--dest", str(place / "wheels")]
            subprocess.run([*pip, *wanted], stdin=subprocess.DEVNULL, check=True, timeout=100)
    return place


@pytest.fixture
def machine(lan: Lan, tmp_path: Path, wheels: Path) -> Iterator[Machine]:
    """The machine; `eth0` leads to a LAN of 192.168.1.0/24 whose router is ``lan.peer``."""
    for host, address in ((lan.node, NODE), (lan.peer, ROUTER)):
        host.batch("addr flush dev eth0 scope global", f"addr add {address} dev eth0")
    lan.node.batch(f"route add default via {ROUTER.partition('/')[0]}")
    with Machine(lan.node, tmp_path, wheels) as booted:
        booted.run("rm", "-rf", "/etc/cni", "/opt/cni", "/opt/cni-macvlan-py", "/etc/containers/containers.conf")
        yield booted
        assert left_on(booted) == []
