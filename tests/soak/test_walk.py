"""The walk on the plugin as it is: one that nobody has taken before, and some that have found something."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from tests.runtime import REPOSITORY
from tests.soak.actions import Walk
from tests.soak.faults import FAULTS

SECONDS: Final = float(os.environ.get("SOAK_SECONDS", "25"))
"""How long a new walk takes; `.ci/run` sets more."""
KEPT: Final = sorted({fault.seed for fault in FAULTS.values()})
"""Walks that have found something."""
FOUND_WITHIN: Final = 240.0
"""Seconds for a fault to be found on a busy machine; an idle one needs a tenth of it."""
STARTING: Final = 180.0


def soak(tree: Path, seed: int, seconds: float, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the machine of a tree."""
    command = [sys.executable, "-m", "tests.soak", "--seed", str(seed), "--seconds", str(seconds), *options]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=seconds + STARTING, check=False)


def test_a_seed_is_one_walk() -> None:
    walks = [list(islice(Walk(seed).batches(), 500)) for seed in (1, 1, 2)]
    assert walks[0] == walks[1] != walks[2]


@pytest.mark.timeout(SECONDS + STARTING)
def test_a_new_walk(root: None) -> None:
    del root
    seed = secrets.randbelow(1 << 32)
    # Of harm to the lease database long walks still find kinds that no call and no rescue makes good.
    done = soak(REPOSITORY, seed, SECONDS, "--without=harm")
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, f"make soak SEED={seed}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("seed", KEPT)
def test_a_kept_walk(root: None, seed: int) -> None:
    del root
    done = soak(REPOSITORY, seed, 8)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


@pytest.mark.timeout(FOUND_WITHIN + STARTING)
@pytest.mark.parametrize("name", FAULTS)
def test_it_finds(root: None, name: str, tmp_path: Path) -> None:
    del root
    fault = FAULTS[name]
    done = soak(fault.into_copy(tmp_path), fault.seed, FOUND_WITHIN)
    assert (done.returncode, "VIOLATION" in done.stdout) == (1, True), f"{done.stdout}{done.stderr}"


def test_an_interrupted_walk_leaves_nothing(root: None) -> None:
    """Of its processes, namespaces, files and mounts."""
    del root
    before = _seen()
    command = [sys.executable, "-m", "tests.soak", "--seed", "7"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True) as walk:
        assert walk.stdout is not None
        assert walk.stdout.readline() == "seed 7\n"
        assert walk.stdout.readline() == "walking\n"
        os.killpg(walk.pid, 2)
        told, _ = walk.communicate(timeout=STARTING)
    assert walk.returncode == 0, told
    assert "interrupted" in told
    assert _seen() == before


def _seen() -> set[str]:
    """What bears the name of the walk, in this process's mount namespace."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return {line for line in mounts if "soak" in line} | {str(path) for path in Path("/run").glob("soak*")}
