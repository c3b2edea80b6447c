"""The launcher in a CNI directory, as an init container puts it there and an operator takes it away."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from conf.errors import InvalidSettings
from console.cli import install, uninstall
from console.cli.cni_directory import CniDirectory, Refused
from console.cli.host import is_mounted
from tests.agent.process import until
from tests.cli.command import call

NAME = "cni-macvlan-py"
ALL = ["macvlan", "host-local", "static"]
LAUNCHER = b"#!/bin/sh\necho first\n"
SETTINGS = 'log_level = "debug"\n'


class Node:
    """A node's directories, and the installation that the commands run from."""

    def __init__(self, root: Path) -> None:
        self.launcher = root / "entry"
        self.launcher.write_bytes(LAUNCHER)
        self.bin = root / "node" / "bin"
        self.settings = root / "node" / "etc" / "settings.toml"
        self.run_dir = root / "node" / "run"
        self.wanted = root / "wanted.toml"
        self.wanted.write_text(SETTINGS)

    def run(self, command: click.Command, *options: str) -> Any:  # noqa: ANN401 - any JSON
        """Run a command for this node; its answer."""
        where = ["--cni-bin-dir", str(self.bin), "--etc-dir", str(self.settings.parent), "--json"]
        if command is uninstall.command:
            where += ["--run-dir", str(self.run_dir)]
        return json.loads(CliRunner().invoke(command, [*where, *options], catch_exceptions=False).stdout)

    def install(self, *options: str) -> list[tuple[str, str]]:
        """What `install` did to which names."""
        return [(done["action"], Path(done["path"]).name) for done in self.run(install.command, *options)]

    def uninstall(self) -> list[tuple[str, str]]:
        """What `uninstall` did to which names."""
        return [(done["action"], Path(done["path"]).name) for done in self.run(uninstall.command)]

    def names(self) -> list[str]:
        """What is in the CNI directory."""
        return sorted(path.name for path in self.bin.iterdir())


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node(tmp_path)
    monkeypatch.setattr(install, "LAUNCHER", str(made.launcher))
    return made


def test_links_lead_to_the_launcher(node: Node) -> None:
    assert node.install("--links", " ".join(ALL)) == [("installed", name) for name in sorted([NAME, *ALL])]
    for name in [NAME, *ALL]:
        assert subprocess.check_output([node.bin / name], text=True) == "first\n"
        assert (node.bin / name).is_symlink() == (name != NAME)
    assert (node.bin / NAME).stat().st_mode & 0o7777 == 0o755
    assert node.uninstall() == [("removed", name) for name in [*sorted(ALL), NAME]]
    assert node.names() == []
    assert node.uninstall() == []


def test_what_was_seen_of_leases_goes(node: Node) -> None:
    node.run_dir.mkdir(parents=True)
    for name in ("store%2fvar%2flib%2fcni", "agent.sock"):
        (node.run_dir / name).touch()
    assert node.uninstall() == [("removed", "store%2fvar%2flib%2fcni")]
    assert [each.name for each in node.run_dir.iterdir()] == ["agent.sock"]


def test_names_that_are_no_longer_wanted_go(node: Node) -> None:
    node.install("--links", "macvlan static")
    assert ("removed", "macvlan") in node.install("--links", "static")
    assert node.names() == [NAME, "static"]


def test_it_is_replaced_while_it_is_called(node: Node) -> None:
    node.install("--links", "macvlan")
    said: list[str] = []
    stop = threading.Event()

    def keep_calling() -> None:
        while not stop.is_set():
            said.append(subprocess.check_output([node.bin / "macvlan"], text=True))

    caller = threading.Thread(target=keep_calling)
    caller.start()
    try:
        for number in range(50):
            node.launcher.write_text(f"#!/bin/sh\necho {number}\n")
            node.install("--links", "macvlan")
            if number % 5 == 0:
                until(partial(said.__contains__, f"{number}\n"), "what was installed is called")
    finally:
        stop.set()
        caller.join()
    assert {line.strip() for line in said} <= {"first", *map(str, range(50))}
    assert node.names() == [NAME, "macvlan"]


def test_other_plugins_are_left_alone(node: Node) -> None:
    node.bin.mkdir(parents=True)
    (node.bin / "macvlan").write_text("the reference")
    (node.bin / NAME).symlink_to("/opt/cni-macvlan-py/current/entry")
    with pytest.raises(Refused, match=f"{node.bin}/{NAME}, {node.bin}/macvlan; --force"):
        node.install("--links", "macvlan static")
    assert node.names() == [NAME, "macvlan"]
    (node.bin / NAME).unlink()
    (node.bin / NAME).mkdir()
    with pytest.raises(Refused, match="is a directory"):
        node.install("--force")


def test_other_plugins_come_back(node: Node) -> None:
    node.bin.mkdir(parents=True)
    (node.bin / "macvlan").write_text("the reference")
    (node.bin / "static").symlink_to("/usr/lib/cni/static")
    (node.bin / "bridge").write_text("not our business")
    assert ("set aside", "macvlan") in node.install("--links", "macvlan static", "--force")
    assert ("set aside", "macvlan") not in node.install("--links", "macvlan static", "--force")
    (node.bin / "static").unlink()
    (node.bin / "static").write_text("its owner's newer one")
    assert node.uninstall() == [("put back", "macvlan"), ("removed", NAME)]
    assert node.names() == ["bridge", "macvlan", "static"]
    assert (node.bin / "macvlan").read_text() == "the reference"
    assert (node.bin / "static").read_text() == "its owner's newer one"


def test_what_a_killed_install_left_is_no_hindrance(node: Node) -> None:
    node.install()
    (node.bin / f".{NAME}.{NAME}-new").write_text("half of")
    node.install()
    assert node.names() == [NAME]
    assert (node.bin / NAME).read_bytes() == LAUNCHER


def test_settings_are_ours_until_an_operator_changes_them(node: Node) -> None:
    assert ("installed", "settings.toml") in node.install("--settings", str(node.wanted))
    assert node.settings.read_text().endswith(SETTINGS)
    node.wanted.write_text("")
    node.install("--settings", str(node.wanted))
    assert SETTINGS not in node.settings.read_text()
    assert ("removed", "settings.toml") in node.uninstall()
    node.settings.write_text(SETTINGS)
    assert ("kept", "settings.toml") in node.install("--settings", str(node.wanted))
    node.uninstall()
    assert node.settings.read_text() == SETTINGS


def test_wrong_settings_change_nothing(node: Node) -> None:
    node.wanted.write_text("log_level = 'loud'\n")
    with pytest.raises(InvalidSettings, match="loud"):
        node.install("--settings", str(node.wanted))
    assert not node.bin.exists()


def test_a_door_is_no_launcher(node: Node) -> None:
    """On a node without Python it could not be executed."""
    node.launcher.unlink()
    node.launcher.symlink_to("/bin/true")
    with pytest.raises(Refused, match="is no native launcher"):
        node.install()


def test_unknown_role_is_refused(node: Node) -> None:
    done = CliRunner().invoke(install.command, ["--cni-bin-dir", str(node.bin), "--links", "macvlan hostlocal"])
    assert (done.exit_code, "no such role: hostlocal" in done.output) == (2, True)
    assert not node.bin.exists()


@pytest.mark.parametrize("words", [["install"], ["install", "--links", "macvlan"], ["uninstall"]])
def test_a_plain_node_is_no_mounted_host(words: list[str]) -> None:
    """Its own root file system gets no directory for hosts; make does what was meant."""
    done = call(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "/host/opt/cni/bin is no part of a mounted host: this is for a container" in done.stderr
    assert f"use make {words[0]}, or name the directory with --cni-bin-dir" in done.stderr
    assert not Path("/host").exists()


def test_so_are_its_settings(node: Node) -> None:
    done = call("install", "--cni-bin-dir", node.bin, "--settings", node.wanted)
    assert (done.returncode, "name the directory with --etc-dir" in done.stderr) == (1, True)
    assert not node.bin.exists()


@pytest.mark.parametrize(
    ("points", "is_one"),
    [
        (["/", "/host/opt/cni/bin"], True),
        (["/", "/host"], True),
        (["/", "/host/etc/cni-macvlan-py"], False),
        (["/", "/opt", "/hosts", "/host/opt/cni/bin/macvlan"], False),
    ],
)
def test_what_a_mounted_host_is(points: list[str], *, is_one: bool) -> None:
    assert is_mounted("/host/opt/cni/bin", points) == is_one


def test_another_users_directory_is_no_place_for_plugins(node: Node) -> None:
    """Whoever owns it could put another executable there, which runtimes then start as root."""
    node.bin.mkdir(parents=True)
    os.chown(node.bin, 65534, 65534)
    with pytest.raises(Refused, match=f"{node.bin} belongs to user 65534"):
        node.install()
    assert node.names() == []


def test_installers_take_turns(node: Node) -> None:
    """Each finds what the other left, and neither half of it."""

    def keep_installing() -> None:
        for _ in range(20):
            CniDirectory(str(node.bin)).put(LAUNCHER, ALL, force=False)

    threads = [threading.Thread(target=keep_installing) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert node.names() == sorted([NAME, *ALL])
    assert os.access(node.bin / "static", os.X_OK)
