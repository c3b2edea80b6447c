"""A lock installs as it is, on any later day: nothing of it is resolved, whatever an index has come to offer."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from typing import TYPE_CHECKING

import pytest

from tests.once import SECONDS, once
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

LOCKS = ("requirements.txt", "requirements-test.txt", "requirements-docs.txt")
LOCKED = re.compile(r"^([\w.-]+)(?:\[[^]]+\])?==", re.MULTILINE)
EVERYWHERE = re.compile(r"^([\w.-]+)(?:\[[^]]+\])?==([^ ]+) \\$", re.MULTILINE)
"""Those that are for every system, and their versions."""
# pip before 23.3 takes a requirement with an extra for another project than the locked one; before 23.1 it cannot be
# run on Python 3.12 and newer.
OLD_PIP = "23.0.1" if sys.version_info < (3, 12) else "23.2.1"
FUTURE = "9999"
LACKING = re.compile(
    r"requirements.txt is not complete, .*: markdown-it-py [\d.]+ requires mdurl, which is not installed"
)
RECIPE = "install-lock:;@$(call install_lock,$(LOCK))"


def canonical(name: str) -> str:
    """A package's name as an index compares it."""
    return re.sub("[-_.]+", "-", name).lower()


def publish(name: str, index: Path) -> None:
    """Add to an index a release of a package that is newer than any."""
    stem = f"{name.replace('-', '_')}-{FUTURE}"
    with zipfile.ZipFile(index / f"{stem}-py3-none-any.whl", "w") as wheel:
        info = f"{stem}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {FUTURE}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        with wheel.open(f"{info}/RECORD", "w") as record:
            record.write("".join(f"{entry},,\r\n" for entry in wheel.namelist()).encode())


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """What is locked, as the registry has it, and a newer release of each of its packages."""

    def fill(place: Path) -> None:
        wanted = [word for lock in LOCKS for word in ("--requirement", str(REPOSITORY / lock))]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, *wanted, "--dest", place], stdin=subprocess.DEVNULL, check=True, timeout=SECONDS)
        for lock in LOCKS:
            for name in LOCKED.findall((REPOSITORY / lock).read_text()):
                publish(name, place)

    return once(tmp_path_factory, worker_id, "index", fill)


@pytest.fixture(scope="session")
def old_pip(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where the wheel of pip as Debian 12 has it lies."""

    def download(place: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", f"pip=={OLD_PIP}"]
        subprocess.run([*pip, "--dest", place], stdin=subprocess.DEVNULL, check=True, timeout=SECONDS)

    (wheel,) = once(tmp_path_factory, worker_id, "old-pip", download).glob("pip-*.whl")
    return wheel


class Environment:
    """A virtual environment with nothing but the old pip, to which the index is all that there is."""

    def __init__(self, place: Path, old_pip: Path, index: Path) -> None:
        self.place = place
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=SECONDS)
        (packages,) = place.glob("lib/python*/site-packages")
        with zipfile.ZipFile(old_pip) as wheel:
            wheel.extractall(packages)
        own = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_NO_COMPILE": "1"}
        self._variables = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | own
        self._python = place / "bin/python"
        assert self.python("-m", "pip", "--version").stdout.startswith(f"pip {OLD_PIP} ")

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the checkout."""
        return subprocess.run(
            words, cwd=REPOSITORY, env=self._variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=SECONDS,
        )  # fmt: skip

    def python(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run its Python."""
        return self.run(self._python, *words)

    def make_install(self, lock: Path) -> subprocess.CompletedProcess[str]:
        """Install a lock into it by the Makefile's recipe."""
        return self.run("make", "--silent", f"--eval={RECIPE}", f"VENV={self.place}", f"LOCK={lock}", "install-lock")

    def releases(self) -> dict[str, str]:
        """What is installed beside pip: name to version."""
        listed = self.python("-m", "pip", "list", "--exclude=pip", "--format=json")
        return {canonical(each["name"]): each["version"] for each in json.loads(listed.stdout)}


@pytest.fixture
def environment(tmp_path: Path, old_pip: Path, index: Path) -> Environment:
    return Environment(tmp_path / "venv", old_pip, index)


def without_extras(name: str, place: Path) -> Path:
    """A copy of a lock that names no extras, as resolvers write them: what asks for one seems not to be locked."""
    copy = place / name
    copy.write_text(re.sub(r"^([\w.-]+)\[[^]]+\]==", r"\1==", (REPOSITORY / name).read_text(), flags=re.MULTILINE))
    return copy


def without(package: str, place: Path) -> Path:
    """A copy of the plugin's own lock that lacks a package."""
    copy = place / LOCKS[0]
    complete = (REPOSITORY / LOCKS[0]).read_text()
    copy.write_text(re.sub(rf"^{package}==.*\n(    .*\n)+", "", complete, flags=re.MULTILINE))
    assert copy.read_text() != complete
    return copy


@pytest.mark.parametrize("lock", LOCKS)
def test_make_installs_what_is_locked(environment: Environment, tmp_path: Path, lock: str) -> None:
    done = environment.make_install(without_extras(lock, tmp_path))
    assert done.returncode == 0, done.stderr
    installed = environment.releases()
    locked = {canonical(name): version for name, version in EVERYWHERE.findall((REPOSITORY / lock).read_text())}
    assert len(locked) > 10
    assert {name: installed.get(name) for name in locked} == locked
    assert FUTURE not in installed.values()


def test_who_resolves_a_lock_is_lost(environment: Environment, tmp_path: Path) -> None:
    """The index is one that proves something: the test above is no test where this one fails."""
    resolve = ("-m", "pip", "install", "--quiet", "--no-input", "--require-hashes", "--requirement")
    done = environment.python(*resolve, without_extras("requirements-test.txt", tmp_path))
    assert done.returncode == 1
    assert f"coverage-{FUTURE}" in done.stderr


def test_the_installer_puts_there_what_is_locked(environment: Environment, tmp_path: Path) -> None:
    done = environment.python("-I", REPOSITORY / "deploy/install", "--destdir", tmp_path / "node")
    assert done.returncode == 0, done.stderr
    packages = tmp_path / "node/opt/cni-macvlan-py/current/site-packages"
    installed = {canonical(each.name): each.version for each in distributions(path=[str(packages.resolve())])}
    assert dict(EVERYWHERE.findall((REPOSITORY / LOCKS[0]).read_text())) == installed


def test_make_tells_what_a_lock_lacks(environment: Environment, tmp_path: Path) -> None:
    done = environment.make_install(without("mdurl", tmp_path))
    assert done.returncode != 0
    assert LACKING.search(done.stderr), done.stderr


def test_the_installer_tells_what_a_lock_lacks(environment: Environment, tmp_path: Path) -> None:
    """What it runs with has the package, and is not what is judged."""
    for room in ("conf", "ipam", "link", "plugin", "agent", "console", "launcher", "docs", "deploy"):
        (tmp_path / room).mkdir()
    for file in ("LICENSE", "pyproject.toml", "cni-macvlan-py", "deploy/install"):
        shutil.copy(REPOSITORY / file, tmp_path / file)
    assert environment.make_install(REPOSITORY / LOCKS[0]).returncode == 0
    without("mdurl", tmp_path)
    done = environment.python("-I", tmp_path / "deploy/install", "--destdir", tmp_path / "node")
    assert (done.returncode, done.stdout) == (1, "")
    assert LACKING.search(done.stderr), done.stderr
    assert not list(tmp_path.glob("node/opt/cni-macvlan-py/releases/*"))
