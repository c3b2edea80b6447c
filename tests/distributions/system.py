"""A fresh system of a distribution with a copy of the tree, in namespaces of its own; each use begins anew."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 1500.0
"""Seconds: packages are got, installed and tried while the rest of a run goes on, and others of these."""


@dataclass(frozen=True)
class System:
    """What `.ci/run-on` makes of the archive of a root file system."""

    archive: Path

    def run(self, script: str, *words: str) -> str:
        """What a script says that has to succeed in the copy of the tree."""
        done = subprocess.run(
            self._on("sh", "-euc", script, "-", *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def spawn(self, *words: str, directory: Path, **variables: str) -> subprocess.Popen[str]:
        """Run a program in the copy of the tree, with pipes to what it reads and from what it writes."""
        assert directory == REPOSITORY, "it sees no other"
        environment = [f"{name}={value}" for name, value in variables.items()]
        return subprocess.Popen(
            self._on("env", *environment, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def _on(self, *words: str) -> list[str]:
        return [str(REPOSITORY / ".ci/run-on"), str(self.archive), *words]
