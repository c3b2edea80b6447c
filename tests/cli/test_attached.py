"""What `make uninstall` says before it takes the plugin away from containers that live, and whether it then goes on."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.alone import alone
from tests.runtime import DOOR, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

pytestmark = pytest.mark.kernel
SECONDS = 200


class Uninstaller:
    """Who uninstalls the plugin that a runtime uses."""

    def __init__(self, runtime: Runtime, app: Path) -> None:
        app.mkdir()
        (app / "current").symlink_to(REPOSITORY)
        self._lan = runtime.lan
        self._app = app
        self._variables = {"PATH": os.environ["PATH"], "CNI_MACVLAN_SETTINGS": str(runtime.settings)}

    def _command(self) -> list[str]:
        prefix = alone(self._lan, f'exec nsenter --net={self._lan.node.path} "$@"')
        return [*prefix, sys.executable, "-I", str(REPOSITORY / "deploy" / "attached"), str(self._app)]

    def script(self, *options: str) -> tuple[int, str]:
        """Status and words in a script."""
        done = subprocess.run(
            [*self._command(), *options], env=self._variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert done.stdout == ""
        return done.returncode, done.stderr

    def person(self, answer: str, *options: str) -> tuple[int, str]:
        """Status and words at a terminal, where this is typed."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*self._command(), *options], env=self._variables, stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            os.write(ours, answer.encode())
            said = b""
            try:
                while chunk := os.read(ours, 1 << 16):
                    said += chunk
            except OSError:  # EIO: nobody writes any more
                pass
            os.close(ours)
            return process.wait(SECONDS), said.decode()


@pytest.fixture
def uninstaller(runtime: Runtime, tmp_path: Path) -> Uninstaller:
    """Somebody at the node of the test's runtime."""
    return Uninstaller(runtime, tmp_path / "app")


def test_nothing_is_said_where_nothing_is_attached(uninstaller: Uninstaller) -> None:
    assert uninstaller.script() == (0, "")


def test_who_lives_is_told_and_a_terminal_is_asked(runtime: Runtime, lan: Lan, uninstaller: Uninstaller) -> None:
    first, second = lan.container(), lan.container()
    pool = {"type": DOOR.name, "subnet": "10.9.0.0/24"}
    runtime.add(runtime.config(pool, type=DOOR.name), first, plugin=DOOR.name, ifname="\x1b[31m").expect()
    runtime.add(runtime.config(type=DOOR.name, name="l2"), second, plugin=DOOR.name).expect()
    status, said = uninstaller.script()
    assert (status, said.replace("\n", "").isprintable()) == (0, True)
    assert "attached by this plugin: 2\n" in said
    assert f"network {lan.network}, container {first.name}, \\x1b[31m: 10.9.0.2/24" in said
    assert f"network l2, container {second.name}, net1: " in said
    assert "DEL fails" in said
    assert "comes back" not in said
    status, asked = uninstaller.person("n\n")
    assert (status, "nothing was removed" in asked) == (1, True)
    assert uninstaller.person("y\n")[0] == 0
    status, told = uninstaller.person("", "--force")
    assert (status, "[y/N]" in told, "DEL fails" in told) == (0, False, True)


def test_what_comes_back_is_told(runtime: Runtime, lan: Lan, uninstaller: Uninstaller, tmp_path: Path) -> None:
    kept = tmp_path / "app" / "replaced" / "usr" / "lib" / "cni"
    kept.mkdir(parents=True)
    for name in ("static", "macvlan"):
        (kept / name).touch()
    runtime.add(runtime.config(), lan.container()).expect()
    assert "Networks of type macvlan, static are served by what was set aside" in uninstaller.script()[1]


def test_a_broken_installation_can_be_removed(uninstaller: Uninstaller, tmp_path: Path) -> None:
    (tmp_path / "app" / "current").unlink()
    assert uninstaller.script() == (0, "")
    (tmp_path / "app" / "current").mkdir()
    (tmp_path / "app" / "current" / "cni-macvlan-py").write_text("no program")
    status, said = uninstaller.script()
    assert (status, "could not be looked up" in said) == (0, True)
