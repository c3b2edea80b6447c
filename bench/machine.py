"""What was measured on, and in which versions."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import tomllib
from pathlib import Path
from typing import Final

from bench.contenders import TREE
from bench.figures import REFERENCES
from tests.reference import package

INTERPRETER_LINE: Final = "#!"


def facts(door: Path) -> dict[str, str]:
    """Machine and versions, by name; ``door`` is the installed plugin, whose first line names its Python."""
    project = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in cpuinfo if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    with door.open() as source:
        interpreter = source.readline().removeprefix(INTERPRETER_LINE).split()[0]
    return {
        "processors": f"{os.cpu_count()} of {model}",
        "memory": f"{memory:.0f} GiB",
        "load when it began": " ".join(f"{each:.1f}" for each in os.getloadavg()),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        **{name: package(release) for name, release in REFERENCES.items()},
        "plugin": f"{project['name']} {project['version']}",
        "launcher": f"built with {'musl' if shutil.which('musl-gcc') else 'glibc'}",
        "Python": _output(interpreter, "-c", "import platform; print(platform.python_version())"),
        "SQLite": sqlite3.sqlite_version,
    }


def _output(*argv: str) -> str:
    """What a program says, "unknown" if it cannot be asked."""
    try:
        done = subprocess.run(["/usr/bin/env", *argv], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError:
        return "unknown"
    return done.stdout.strip()
