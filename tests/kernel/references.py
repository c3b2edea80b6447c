"""What the table of configurations comes to with each release of the reference: found out once, and kept.

However ours is called, the reference's side is the same. It is found out anew after a boot, and whenever the reference
or what a configuration is tried with has changed.
"""

from __future__ import annotations

import shutil
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.kernel.configurations import CASES
from tests.kernel.outcome import outcome, read, written
from tests.once import made
from tests.reference import package, reference
from tests.runtime import REPOSITORY, ROLES

BOOT = Path("/proc/sys/kernel/random/boot_id")
KEPT = REPOSITORY / "build" / "reference"
TRIED_WITH = ("kernel_state", "lan", "namespaces", "runtime", "kernel/configurations", "kernel/outcome")


def of_reference(release: str, name: str) -> dict[str, Any]:
    """The outcome of a configuration with a release of the reference."""

    def find_out(place: Path) -> None:
        plugins = {role: reference(release) / role for role in ROLES}
        (place / "outcome.json").write_text(written(outcome(CASES[name], plugins, place / "run")))
        shutil.rmtree(place / "run")

    KEPT.mkdir(parents=True, exist_ok=True)
    return read((made(_place(release, name), find_out) / "outcome.json").read_text())


def forget(release: str, name: str) -> None:
    """Have it found out anew: a stalled machine may have been the cause of what was found."""
    shutil.rmtree(_place(release, name), ignore_errors=True)


def _place(release: str, name: str) -> Path:
    return KEPT / sha256(f"{_state(release)} {name}".encode()).hexdigest()[:32]


@cache
def _state(release: str) -> str:
    files = [BOOT, *(REPOSITORY / "tests" / f"{name}.py" for name in TRIED_WITH)]
    return " ".join([package(release), *(sha256(file.read_bytes()).hexdigest() for file in files)])
