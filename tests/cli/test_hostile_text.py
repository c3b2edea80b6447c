"""What tenants and strangers name moves no administrator's cursor: each command, with names that try to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.cli.alone import alone
from tests.cli.command import call
from tests.runtime import DOOR

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

pytestmark = pytest.mark.kernel

ESCAPE = "\x1b[2J"
POD = f"IgnoreUnknown=1;K8S_POD_NAMESPACE=\x1b]0;K8S_POD_NAME={ESCAPE}x\nFAKE LINE"
SHOWN = "\\x1b[2Jx\\nFAKE LINE"


class Scene:
    """A container whose pod, interface and neighbours have such names, and whose call was recorded."""

    def __init__(self, runtime: Runtime, lan: Lan) -> None:
        self.lan = lan
        self.conf_dir = runtime.directory / "net.d"
        self.conf_dir.mkdir()
        self.records = runtime.directory / "records"
        with runtime.settings.open("a") as settings:
            settings.write(f'record_dir = "{self.records}"\n')
        self.variables = {"CNI_MACVLAN_SETTINGS": str(runtime.settings)}
        config = runtime.config({"type": DOOR.name, "subnet": "10.9.0.0/24"}, type=DOOR.name)
        (self.conf_dir / "lan.conf").write_text(json.dumps(config | {ESCAPE: 1}, ensure_ascii=False))
        self.live, self.gone = lan.container(), lan.container()
        for container in (self.live, self.gone):
            runtime.add(config, container, plugin=DOOR.name, args=POD).expect()
        self.gone.remove()
        foreign = lan.container()
        lan.node.batch(f"link add link eth0 name net7 netns {foreign.name} type macvlan mode bridge")
        foreign.run("ip", "link", "set", "net7", "name", "\x1b[31mx")

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """A command on the node."""
        prefix = alone(self.lan, f'exec nsenter --net={self.lan.node.path} "$@"')
        return call(*words, prefix=prefix, variables=self.variables)


@pytest.fixture
def scene(runtime: Runtime, lan: Lan) -> Scene:
    """One for each test."""
    return Scene(runtime, lan)


def harmless(done: subprocess.CompletedProcess[str]) -> str:
    """All that a command said, in which line ends are its own."""
    said = done.stdout + done.stderr
    assert said.replace("\n", "").isprintable(), said
    assert "FAKE LINE" not in [line.strip()[:9] for line in said.splitlines()]
    return said


def test_leases_and_gc(scene: Scene) -> None:
    where = ("--conf-dir", scene.conf_dir)
    assert SHOWN in harmless(scene.run("leases", *where))
    assert scene.gone.name in harmless(scene.run("gc", "--dry-run", *where))


def test_show_and_its_picture(scene: Scene, tmp_path: Path) -> None:
    said = harmless(scene.run("show", "--svg", tmp_path / "node.svg"))
    assert SHOWN in said
    assert "\\x1b[31mx in" in said
    drawn = ET.parse(tmp_path / "node.svg")  # noqa: S314 - our own
    assert any(SHOWN in (each.text or "") for each in drawn.iter("{http://www.w3.org/2000/svg}text"))


def test_lint_and_doctor(scene: Scene) -> None:
    assert "\\x1b[2J" in harmless(scene.run("lint", scene.conf_dir))
    said = harmless(
        scene.run("doctor", "--conf-dir", scene.conf_dir, "--only", "conf-valid", "--only", "leases-leaked")
    )
    assert "\\x1b[2J" in said
    assert scene.gone.name in said


def test_trace(scene: Scene) -> None:
    recorded = next(each for each in scene.records.iterdir() if "-ADD-" in each.name)
    assert SHOWN in harmless(scene.run("trace", recorded))


def test_failures(scene: Scene) -> None:
    for words in (
        ("lint", ESCAPE), ("trace", ESCAPE), (ESCAPE,), ("leases", f"--{ESCAPE}"), ("show", "--svg", f"/{ESCAPE}/x"),
        ("ping", "--socket", ESCAPE), ("agent", "--socket", f"/dev/null/{ESCAPE}"),
    ):  # fmt: skip
        done = scene.run(*words)
        assert done.returncode
        assert "\\x1b[2J" in harmless(done), words
