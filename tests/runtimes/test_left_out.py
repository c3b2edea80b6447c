"""Tests are left out where the distribution has not got what they are about, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.left_out import reasons
from tests.once import SECONDS
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def store() -> Iterator[Path]:
    """Where podman may keep what it has; it takes no long paths."""
    with tempfile.TemporaryDirectory(prefix="cmv-", dir="/var/tmp") as directory:
        yield Path(directory)


def test_podman_is_asked_wherever_it_calls_cni_plugins(store: Path) -> None:
    (store / "containers.conf").write_text('[network]\nnetwork_backend = "cni"\n')
    own = ("--root", store / "root", "--runroot", store / "run", "--tmpdir", store / "tmp")
    # What it mounts on its store goes with it.
    podman = ("unshare", "--mount", "podman", *own)
    done = subprocess.run(
        [*podman, "info", "--format", "{{.Host.NetworkBackend}}"], capture_output=True, text=True, check=False,
        env={**os.environ, "CONTAINERS_CONF": str(store / "containers.conf")}, timeout=SECONDS,
    )  # fmt: skip
    calls_plugins = (done.returncode, done.stdout) == (0, "cni\n")
    assert calls_plugins != ("podman_cni" in reasons()), done.stderr


@pytest.mark.parametrize(("version", "selected"), [("4.3.1", 1), ("5.4.2", 0)])
def test_what_is_left_out_is_named_with_its_reason(tmp_path: Path, version: str, selected: int) -> None:
    (tmp_path / "podman").write_text(f"#!/bin/sh\necho podman version {version}\n")
    (tmp_path / "podman").chmod(0o755)
    test = "tests/runtimes/test_podman.py::test_container_starts_again[agent]"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "--quiet", test],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, cwd=REPOSITORY, capture_output=True, text=True,
        check=False, timeout=SECONDS,
    )  # fmt: skip
    assert done.stdout.count(test) == selected, done.stdout
    reason = f"left out, tests of podman_cni: podman {version} calls no CNI plugins"
    assert (reason in done.stdout) == (not selected), done.stdout
