"""Anybody but root: what they may not do is said with the one thing that helps, in commands and in calls."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.command import call
from tests.runtime import DOOR

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
CURE = "root is needed: run it with sudo"
IPAM = {"type": "cni-macvlan-py", "subnet": "10.9.0.0/24"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody may enter, with root's state directory and settings that name it."""
    with tempfile.TemporaryDirectory(prefix="cmv-", dir="/var/tmp") as name:
        made = Path(name)
        made.chmod(0o755)
        (made / "settings.toml").write_text(f'state_dir = "{made}/state"\n')
        (made / "state").mkdir(mode=0o700)
        (made / "networks").mkdir()
        yield made


def said(place: Path, *words: str) -> str:
    """What a command says to nobody, which fails."""
    done = call(*words, prefix=NOBODY, variables={"CNI_MACVLAN_SETTINGS": f"{place}/settings.toml"})
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_leases_are_for_root(place: Path) -> None:
    complaint = said(place, "leases")
    assert CURE in complaint
    assert "state_dir of the settings" not in complaint
    assert "no address can be given" not in complaint


def test_the_database_alone_may_be_roots(place: Path) -> None:
    (place / "state").chmod(0o755)
    shutil.copy(DOOR, place / "state" / "leases.db")
    (place / "state" / "leases.db").chmod(0o600)
    assert CURE in said(place, "leases")


def test_so_may_be_what_another_plugin_keeps(place: Path) -> None:
    (place / "state").chmod(0o755)
    network = place / "networks" / "lan"
    network.mkdir()
    (network / "10.9.0.2").write_text("c1\r\neth0")
    (network / "10.9.0.2").chmod(0o600)
    assert CURE in said(place, "leases", "--data-dir", f"{place}/networks")


@pytest.mark.parametrize("words", [["gc", "--yes"], ["leases", "release", "10.9.0.2", "--yes"]])
def test_what_removes_is_for_root(place: Path, words: list[str]) -> None:
    assert "needs root" in said(place, *words)
    assert "sudo" in said(place, *words)


def test_configurations_may_be_roots(place: Path) -> None:
    (place / "net.d").mkdir(mode=0o700)
    (place / "state").chmod(0o755)
    assert CURE in said(place, "leases", "--conf-dir", f"{place}/net.d")
    (place / "lan.conf").touch(mode=0o600)
    done = call("lint", f"{place}/net.d", prefix=NOBODY)
    assert (done.returncode, CURE in done.stderr) == (1, True)


@pytest.mark.parametrize(("verb", "code"), [("ADD", 109), ("DEL", 109), ("STATUS", 50), ("GC", 109)])
def test_calls(place: Path, verb: str, code: int) -> None:
    error = answer(place, verb)
    assert error["code"] == code
    assert CURE in error["msg"]


def test_settings_may_be_roots(place: Path) -> None:
    (place / "settings.toml").chmod(0o600)
    error = answer(place, "STATUS")
    assert (error["code"], CURE in error["msg"]) == (100, True)


def test_a_directory_of_leases_may_be_roots(place: Path) -> None:
    (place / "state").chmod(0o777)
    role = place / "host-local"
    role.symlink_to(DOOR)
    ipam = IPAM | {"type": "host-local", "dataDir": f"{place}/networks"}
    error = answer(place, "STATUS", ipam, role)
    assert (error["code"], CURE in error["msg"]) == (50, True), error


def answer(place: Path, verb: str, ipam: dict[str, str] = IPAM, executable: Path = DOOR) -> dict[str, Any]:
    """What the runtime of nobody gets from our executable, which is an error."""
    config = {"cniVersion": "1.1.0", "name": "lan", "type": "macvlan", "master": "lo", "ipam": ipam}
    variables = {
        "PATH": os.environ["PATH"],
        "CNI_MACVLAN_SETTINGS": f"{place}/settings.toml",
        "CNI_MACVLAN_AGENT_SOCKET": "",
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": "/proc/self/ns/net",
        "CNI_IFNAME": "net1",
        "CNI_PATH": str(place),
    }
    done = subprocess.run(
        [*NOBODY, executable], env=variables, input=json.dumps(config | {"cni.dev/valid-attachments": []}),
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done
    document: dict[str, Any] = json.loads(done.stdout)
    return document
