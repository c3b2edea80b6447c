"""The linters, as tests: each passes over the whole tree."""

import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parent.parent
# mypy is told about the Python files that have no suffix.
PYTHON = (
    "conf",
    "ipam",
    "link",
    "plugin",
    "agent",
    "console",
    "tests",
    "bench",
    "cni-macvlan-py",
    "deploy/install",
    "deploy/attached",
    ".ci/again",
    ".ci/verdict",
)
SOURCES = [name for name in PYTHON if (TREE / name).exists()]

COMMANDS = {
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check", "--diff"],
    "mypy": ["mypy", *SOURCES],
    "codespell": ["codespell_lib"],
}


@pytest.mark.lint
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_linter_has_nothing_to_say(command: list[str]) -> None:
    linter = [sys.executable, "-m", *command]
    run = subprocess.run(linter, cwd=TREE, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if run.returncode:
        # The linter's own words; a traceback of this test would bury them.
        pytest.fail(f"{command[0]}:\n{run.stdout}{run.stderr}", pytrace=False)
