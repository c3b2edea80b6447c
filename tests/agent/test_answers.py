"""The agent's answers are those of the door alone, byte for byte, whatever is asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from ipam.store.witness import forget
from plugin.stdin import MAX_STDIN
from tests.runtime import REFERENCE, Json, Runtime
from tests.ways import Done, Executed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.agent.process import Agent
    from tests.lan import Lan
    from tests.namespaces import Namespace

MAC = "02:00:00:00:0a:01"
POOL = {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.10"}]]}
DUAL = [[{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.10"}], [{"subnet": "fd00:9::/64"}]]
ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]


class Caller:
    """Makes the same calls, for the same container, again and again; each answer is status and bytes."""

    def __init__(self, runtime: Runtime, container: Namespace) -> None:
        self.runtime = runtime
        self.container = container

    def verb(self, verb: str, config: Json, *, plugin: str = "macvlan", **variables: str) -> Done:
        """One call of an attachment's verb."""
        return self.raw(verb, json.dumps(config), plugin=plugin, **variables)

    def raw(self, verb: str, stdin: str, *, plugin: str = "macvlan", **variables: str) -> Done:
        """One call with any stdin; a variable that is empty is left out."""
        usual = {
            "COMMAND": verb,
            "CONTAINERID": "c1",
            "NETNS": str(self.container.path),
            "IFNAME": "net1",
            "PATH": str(self.runtime.cni_path),
        }
        environment = {f"CNI_{name}": value for name, value in (usual | variables).items() if value} | {
            "PATH": os.environ["PATH"],
            "CNI_MACVLAN_SETTINGS": variables.get("MACVLAN_SETTINGS", str(self.runtime.settings)),
        }
        done = self.runtime.way.call(
            self.runtime.cni_path / plugin, self.runtime.lan.node.path, environment, stdin, self.runtime.directory
        )
        # the kernel numbers its interfaces on
        return Done(done.returncode, re.sub(r"with index \d+", "with index N", done.stdout), "")

    def cycle(self, config: Json, *, plugin: str = "macvlan") -> Iterator[Done]:
        """STATUS, ADD, CHECK, a second ADD, GC, DEL, CHECK, DEL, DEL."""
        yield self.verb("STATUS", config, plugin=plugin)
        added = self.verb("ADD", config, plugin=plugin)
        yield added
        assert added.returncode == 0, added.stdout
        with_result = config | {"prevResult": json.loads(added.stdout)}
        yield self.verb("CHECK", with_result, plugin=plugin)
        yield self.verb("CHECK", config, plugin=plugin)
        yield self.verb("ADD", config, plugin=plugin)
        valid = [{"containerID": "c1", "ifname": "net1"}]
        yield self.verb("GC", config | {"cni.dev/valid-attachments": valid}, plugin=plugin)
        yield self.verb("CHECK", with_result, plugin=plugin)
        yield self.verb("DEL", with_result, plugin=plugin)
        yield self.verb("CHECK", with_result, plugin=plugin)
        yield self.verb("DEL", config, plugin=plugin)
        yield self.verb("DEL", config, plugin=plugin, NETNS="")


@pytest.fixture
def caller(runtime: Runtime, lan: Lan) -> Caller:
    return Caller(runtime, lan.container())


def require_same(caller: Caller, agent: Agent, calls: Any) -> list[Done]:  # noqa: ANN401 - a generator's function
    """Make the calls by the door alone, then by the agent on a clean slate; the answers of the latter."""
    alone = list(calls())
    for leftover in (caller.runtime.state_dir, caller.runtime.data_dir):
        shutil.rmtree(leftover, ignore_errors=True)
        forget(str(leftover))
    caller.runtime.way = Executed(str(agent.socket))
    served = list(calls())
    assert served == alone
    return served


def test_database_pool(caller: Caller, agent: Agent) -> None:
    config = caller.runtime.config(POOL, cniVersion="1.1.0", mac=MAC)
    statuses = [each.returncode for each in require_same(caller, agent, lambda: caller.cycle(config))]
    assert statuses == [0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0]


def test_host_local_pool_of_both_families(caller: Caller, agent: Agent) -> None:
    ipam = {"type": "host-local", "ranges": DUAL, "routes": ROUTES, "dataDir": str(caller.runtime.data_dir)}
    config = caller.runtime.config(ipam, cniVersion="1.1.0", mac=MAC)
    require_same(caller, agent, lambda: caller.cycle(config))


def test_layer_2_in_the_oldest_form(caller: Caller, agent: Agent) -> None:
    config = caller.runtime.config(None, cniVersion="0.2.0", mac=MAC)

    def calls() -> Iterator[Done]:
        yield caller.verb("ADD", config)
        yield caller.verb("DEL", config)

    require_same(caller, agent, calls)


@pytest.mark.parametrize("role", ["host-local", "static"])
def test_roles(caller: Caller, agent: Agent, role: str) -> None:
    ipam: Json = {"type": role, "addresses": [{"address": "10.9.0.20/24"}]}
    if role == "host-local":
        ipam = {"type": role, "ranges": DUAL, "dataDir": str(caller.runtime.data_dir)}
    config = caller.runtime.config(ipam, cniVersion="1.1.0") | {"type": "bridge"}
    served = require_same(caller, agent, lambda: caller.cycle(config, plugin=role))
    assert "interfaces" not in json.loads(served[1].stdout)


def test_reference_as_delegate(caller: Caller, agent: Agent) -> None:
    host_local = caller.runtime.cni_path / "host-local"
    host_local.unlink()
    host_local.symlink_to(REFERENCE / "host-local")
    ipam = {"type": "host-local", "ranges": DUAL, "dataDir": str(caller.runtime.data_dir)}
    config = caller.runtime.config(ipam, mac=MAC)

    def calls() -> Iterator[Done]:
        added = caller.verb("ADD", config)
        yield added
        yield caller.verb("CHECK", config | {"prevResult": json.loads(added.stdout)})
        yield caller.verb("DEL", config)
        yield caller.verb("ADD", config | {"ipam": ipam | {"ranges": []}})
        yield caller.verb("ADD", config | {"ipam": {"type": "nowhere-to-be-found"}})

    require_same(caller, agent, calls)
    assert (caller.runtime.data_dir / caller.runtime.lan.network / "last_reserved_ip.0").exists()


def test_errors(caller: Caller, agent: Agent, tmp_path: Path) -> None:
    config = caller.runtime.config(POOL, cniVersion="1.1.0", mac=MAC)
    wrong_settings = tmp_path / "wrong.toml"
    wrong_settings.write_text("state_dir = 7\n")
    no_state = tmp_path / "no-state.toml"
    no_state.write_text('state_dir = "/proc/nowhere"\n')

    def calls() -> Iterator[Done]:
        yield caller.raw("VERSION", '{"cniVersion": "0.4.0"}')
        yield caller.raw("VERSION", "")
        yield caller.raw("ADD", "")
        yield caller.raw("ADD", "{")
        yield caller.raw("ADD", json.dumps(config), IFNAME="\udcff")
        yield caller.raw("NONSENSE", json.dumps(config))
        yield caller.verb("ADD", config, NETNS="")
        yield caller.verb("ADD", config, IFNAME="a/b")
        yield caller.verb("ADD", config, NETNS="/nonexistent")
        yield caller.verb("ADD", config, NETNS="/etc/hostname")
        yield caller.verb("ADD", config, NETNS="/proc/self/ns/mnt")
        yield caller.verb("ADD", config, NETNS=str(caller.runtime.lan.node.path))
        yield caller.verb("ADD", config, NETNS="/proc/self/ns/net")
        yield caller.verb("DEL", config, NETNS="/proc/self/ns/net")
        yield caller.verb("ADD", config | {"master": "none0"})
        yield caller.verb("STATUS", config | {"master": "none0"})
        yield caller.verb("ADD", config | {"mode": "nonsense"})
        yield caller.verb("ADD", config | {"cniVersion": "9.0.0"})
        yield caller.verb("ADD", config, MACVLAN_SETTINGS=str(wrong_settings))
        yield caller.verb("ADD", config, MACVLAN_SETTINGS=str(no_state))

    served = require_same(caller, agent, calls)
    assert [each.returncode for each in served] == [0, 0] + [1] * 18


def test_huge_stdin(caller: Caller, agent: Agent) -> None:
    """4 MiB are taken, one byte more is not."""

    def calls() -> Iterator[Done]:
        for size in (MAX_STDIN, MAX_STDIN + 1):
            yield caller.raw("ADD", '{"cniVersion": "1.0.0"}'.ljust(size))

    fits, does_not = require_same(caller, agent, calls)
    assert json.loads(fits.stdout)["code"] != 5
    assert "more than 4194304 bytes" in json.loads(does_not.stdout)["msg"]


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_closed_standard_descriptors(caller: Caller, agent: Agent, closed: tuple[int, ...]) -> None:
    """A runtime may have closed any of the three; what it then sees is the same."""

    def call(agent_socket: str) -> tuple[int, bytes]:
        closing = " ".join(f"{number}<&-" if number == 0 else f"{number}>&-" for number in closed)
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" {closing}', str(caller.runtime.cni_path / "macvlan")],
            env={"PATH": "/usr/bin:/bin", "CNI_COMMAND": "VERSION", "CNI_MACVLAN_AGENT_SOCKET": agent_socket},
            input=b'{"cniVersion": "1.0.0"}', capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    assert call(str(agent.socket)) == call("")
    assert call(str(agent.socket))[0] == int(1 in closed)
