"""What docs/commands.md shows comes true when it is typed, in its order, on a node with two containers."""

from __future__ import annotations

import os
import subprocess

import pytest

from console.cli.commands import COMMANDS
from tests.guides.page import steps
from tests.lan import SUBNET4, Lan
from tests.runtime import REPOSITORY, Runtime

PAGE = REPOSITORY / "docs/commands.md"
POD = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=till-0"


@pytest.mark.kernel
def test_the_page_comes_true(lan: Lan, runtime: Runtime) -> None:
    ipam = {"type": "cni-macvlan-py", "ranges": [[{"subnet": SUBNET4, "rangeStart": "10.9.0.200"}]]}
    config = runtime.config(ipam, name="lan")
    live, gone = lan.container(), lan.container()
    runtime.add(config, live, container_id="8f5c1a2b3d4e", ifname="eth0", args=POD).expect()
    runtime.add(config, gone, container_id="27d1c0ffee42", ifname="eth0").expect()
    gone.remove()
    here = runtime.directory / "net.d"
    here.mkdir()
    variables = {
        "PATH": f"{runtime.cni_path}:{os.environ['PATH']}",
        "CNI_MACVLAN_SETTINGS": str(runtime.settings),
        "CNI_PATH": str(runtime.cni_path),
    }
    for step in steps(PAGE):
        done = subprocess.run(
            ["nsenter", f"--net={lan.node.path}", "bash", "-c", step.command],
            env=variables, cwd=here, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert step.came_true(done.stdout), f"line {step.line}: {step.command}\n{done.stdout}{done.stderr}"
        assert (done.returncode != 0, done.stderr) == (step.fails, "")
    assert "eth0" not in live.links()


def test_the_page_knows_every_command() -> None:
    overview, _, _ = PAGE.read_text().partition("\n## ")
    rows = [line.split("|")[1] for line in overview.splitlines() if line.startswith("| `")]
    assert {word.strip(" `") for row in rows for word in row.split(",")} == set(COMMANDS)
