"""CNI's own Go library calls ADD, CHECK and DEL, and brings back the results that it has kept."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests import kernel_state
from tests.agent.process import Agent
from tests.lan import SUBNET4
from tests.once import once
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

SOURCE = REPOSITORY / "tests/runtimes/libcni/client.go"
LIBRARY = "/usr/share/gocode"
BUILDING = 800.0
"""Seconds: Go's standard library comes as source, and from Go 1.20 on all of it is compiled with the client."""
pytestmark = pytest.mark.timeout(BUILDING + 100)  # the first has it built
MAC = "02:00:00:00:00:99"


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The client's executable."""

    def build(place: Path) -> None:
        surroundings = {"GOPATH": LIBRARY, "GO111MODULE": "off", "CGO_ENABLED": "0", "GOCACHE": str(place / "cache")}
        command = ["go", "build", "-o", str(place / "client"), str(SOURCE)]
        subprocess.run(command, env={"PATH": "/usr/bin:/bin", **surroundings}, check=True, timeout=BUILDING)

    return once(tmp_path_factory, worker_id, "libcni", build) / "client"


class Libcni:
    """The library, on a node whose plugins and leases are those of a runtime of the tests."""

    def __init__(self, client: Path, runtime: Runtime, agent: str) -> None:
        self._client = client
        self._lan = runtime.lan
        self._list = runtime.directory / "lan.conflist"
        self._environment = {
            "PATH": os.environ["PATH"],
            "CNI_PATH": str(runtime.cni_path),
            "CNI_CACHE": str(runtime.directory / "cache"),
            "CNI_MACVLAN_SETTINGS": str(runtime.settings),
            "CNI_MACVLAN_AGENT_SOCKET": agent,
        }
        capable = {**runtime.config(runtime.pool(SUBNET4)), "capabilities": {"mac": True, "ips": True}}
        plugins: list[Json] = [capable, {"type": "tuning", "sysctl": {"net.ipv4.conf.net1.arp_ignore": "1"}}]
        network = {"cniVersion": "1.0.0", "name": self._lan.network, "plugins": plugins}
        self._list.write_text(json.dumps(network))

    def call(self, verb: str, container: Namespace, **capabilities: object) -> subprocess.CompletedProcess[str]:
        """Have the library make a call for the container."""
        attachment = [str(container.path), container.name, "net1", json.dumps(capabilities)]
        return subprocess.run(
            ["nsenter", f"--net={self._lan.node.path}", str(self._client), verb, str(self._list), *attachment],
            env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip

    def expect(self, verb: str, container: Namespace, **capabilities: object) -> str:
        """The output of a call that has to succeed."""
        done = self.call(verb, container, **capabilities)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(params=["alone", "agent"])
def libcni(client: Path, runtime: Runtime, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Libcni]:
    """The library; the plugin does its work alone, or has an agent."""
    if request.param == "alone":
        yield Libcni(client, runtime, "")
        return
    with Agent(tmp_path / "agent.sock") as agent:
        yield Libcni(client, runtime, str(agent.socket))


def test_check_finds_what_add_made_and_then_what_became_of_it(libcni: Libcni, lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    result = json.loads(libcni.expect("add", container))
    assert [ip["address"] for ip in result["ips"]] == kernel_state.cidrs(container) == ["10.9.0.2/24"]
    libcni.expect("check", container)
    container.batch("addr del 10.9.0.2/24 dev net1")
    refused = libcni.call("check", container)
    assert refused.returncode == 1
    assert "10.9.0.2" in refused.stderr
    libcni.expect("del", container)
    libcni.expect("del", container)
    assert container.links() == ["lo"]
    assert runtime.held() == []


def test_capabilities_reach_the_plugin(libcni: Libcni, lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    asked: Json = {"mac": MAC, "ips": ["10.9.0.77/24"]}
    result = json.loads(libcni.expect("add", container, **asked))
    assert (result["ips"][0]["address"], result["interfaces"][0]["mac"]) == ("10.9.0.77/24", MAC)
    libcni.expect("check", container, **asked)
    libcni.expect("del", container, **asked)
    assert runtime.held() == []


def test_container_that_is_gone_is_deleted(libcni: Libcni, lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    libcni.expect("add", container)
    container.remove()
    libcni.expect("del", container)
    assert runtime.held() == []
