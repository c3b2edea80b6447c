"""Installer and uninstaller killed before each effect: the plugins work at once, and the next run is content."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.once import SECONDS

INSTALLER = Path(__file__).resolve().parent.parent / "deploy" / "install"
DOOR = "cni-macvlan-py"
OURS, THEIRS = "ours", "theirs"
INSTALL = ("--links", "macvlan host-local", "--force")
# What is made of a release that nobody is led to yet, and the removal of a tree's files, count as one step each.
KILLED = """
import os, runpy, signal, sys
EFFECTS = {"os.rename", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile", "shutil.rmtree"}
left = int(sys.argv[1])
def count(event, arguments):
    global left
    if event not in EFFECTS:
        return
    within_a_tree = isinstance(arguments[-1], int) and arguments[-1] >= 0  # a descriptor of its directory
    if event == "os.rename" or not within_a_tree and "/.staging" not in str(arguments[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.argv = sys.argv[2:]
sys.addaudithook(count)
runpy.run_path("deploy/install", run_name="__main__")
"""


class Node:
    """Directories with other people's plugins, and a plugin of a few lines that the real installer puts beside them."""

    def __init__(self, root: Path) -> None:
        self._source, self._files, self._saved = root / "source", root / "node", root / "saved"
        self._bin = self._files / "bin"
        for room in ("conf", "ipam", "link", "plugin", "agent", "console", "launcher", "docs", "deploy"):
            (self._source / room).mkdir(parents=True)
        for package in ("netaddr", "pydantic", "pyroute2"):
            (self._source / "site-packages" / package).mkdir(parents=True)
        for name in ("LICENSE", "requirements.txt"):
            (self._source / name).touch()
        (self._source / "pyproject.toml").write_text('[project]\nversion = "1"\n')
        (self._source / DOOR).write_text(f"#!/usr/bin/env python3\nprint('{OURS}')\n")
        shutil.copy(INSTALLER, self._source / "deploy")
        self._bin.mkdir(parents=True)
        (self._bin / "macvlan").write_text(f"#!/bin/sh\necho {THEIRS}\n")
        (self._bin / "macvlan").chmod(0o755)
        (self._bin / "host-local").symlink_to("macvlan")

    def run(self, *options: str, effects: int = 1000) -> bool:
        """Run the installer, and kill it after so many effects; whether it came to its end."""
        where = ["--app-dir", str(self._files / "app"), "--cni-bin-dir", str(self._bin)]
        done = subprocess.run(
            [sys.executable, "-I", "-c", KILLED, str(effects), "install", *where, *options],
            cwd=self._source, env={}, capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        return done.returncode == 0

    def save(self) -> None:
        """Keep everything as it is now."""
        shutil.copytree(self._files, self._saved, symlinks=True)

    def restore(self) -> None:
        """Have everything as it was kept."""
        shutil.rmtree(self._files)
        shutil.copytree(self._saved, self._files, symlinks=True)

    def answers(self) -> dict[str, str]:
        """What each plugin says that a runtime could call."""
        plugins = [path for path in self._bin.iterdir() if not path.name.startswith(".")]
        return {path.name: subprocess.check_output([path], text=True, timeout=SECONDS).strip() for path in plugins}

    def tree(self) -> dict[str, str]:
        """All that is there, with contents and targets."""
        return {str(path): _content(path) for path in self._files.rglob("*")}


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return "" if path.is_dir() else path.read_text()


def test_killed_install(tmp_path: Path) -> None:
    """Whoever calls a plugin then finds one, and uninstall finds everything that the installer left."""
    node = Node(tmp_path)
    before = node.tree()
    node.run()
    node.save()
    effects = 0
    while not node.run(*INSTALL, effects=effects):
        answers = node.answers()
        assert answers.keys() == {DOOR, "macvlan", "host-local"}
        assert answers[DOOR] == OURS
        assert node.run("--uninstall")
        assert node.tree() == before, f"killed after {effects} effects"
        node.restore()
        effects += 1
    assert set(node.answers().values()) == {OURS}
    assert effects > len(INSTALL)


def test_killed_uninstall(tmp_path: Path) -> None:
    """Another one ends what it began, and other people's plugins are as they were."""
    node = Node(tmp_path)
    before = node.tree()
    node.run(*INSTALL)
    node.save()
    effects = 0
    while not node.run("--uninstall", effects=effects):
        assert node.run("--uninstall")
        assert node.tree() == before, f"killed after {effects} effects"
        node.restore()
        effects += 1
    assert node.tree() == before
    assert effects > len(INSTALL)
