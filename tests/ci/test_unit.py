"""Without root the tests of tests/unit run, and others say what they need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]


def as_nobody(tests: str, base: Path) -> subprocess.CompletedProcess[str]:
    """Run tests in a user namespace that maps nobody: their user has no name, no rights, and still reads our files."""
    pytest = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", f"--basetemp={base}", tests]
    return subprocess.run(
        ["unshare", "--user", *pytest],
        cwd=TREE,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_arithmetic_needs_no_root(tmp_path: Path) -> None:
    done = as_nobody("tests/unit/ipam/test_ranges.py", tmp_path / "base")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout.splitlines()[-1]


def test_what_needs_root_says_so_and_is_not_skipped(tmp_path: Path) -> None:
    done = as_nobody("tests/kernel/test_trust.py", tmp_path / "base")
    assert done.returncode == 1
    assert "run it as root, or `make unit`" in done.stdout
    assert "passed" not in done.stdout.splitlines()[-1]
    assert "skipped" not in done.stdout.splitlines()[-1]
