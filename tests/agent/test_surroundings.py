"""The agent works where its caller stands: network, mounts, plugins, settings; and comes home again."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import kernel_state
from tests.agent.process import Agent, inside_python, until
from tests.agent.protocol import OWN_MOUNT, Conversation, NoAnswer, Spoken, open_namespaces, request, version
from tests.crash import remains
from tests.runtime import REPOSITORY, Runtime
from tests.ways import Executed

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.namespaces import Namespace

# An IPAM plugin that notes where it runs and by what it was called.
WITNESS = """#!/bin/sh
{ readlink /proc/self/ns/net /proc/self/ns/mnt; echo "$CNI_COMMAND $0"; ls -l /proc/self/fd | wc -l; } >> NOTES
cat > /dev/null
[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.77/24"}]}'
exit 0
"""


class Elsewhere:
    """A mount namespace of the caller's alone, in which a plugin and a container's namespace are to be found."""

    def __init__(self, runtime: Runtime, container: Namespace, directory: Path) -> None:
        self.runtime = runtime
        self.notes = directory / "notes"
        self.plugins = directory / "plugins"
        self.netns = directory / "netns"
        self.plugins.mkdir()
        self.netns.touch()
        real = directory / "real"
        real.mkdir()
        witness = real / "witness"
        witness.write_text(WITNESS.replace("NOTES", str(self.notes)))
        witness.chmod(0o755)
        self.mounts = f"mount --bind {real} {self.plugins} && mount --bind {container.path} {self.netns}"

    def call(self, verb: str, config: dict[str, object], agent: Agent) -> subprocess.CompletedProcess[str]:
        """Execute the door there, in the node's network."""
        variables = {
            "PATH": os.environ["PATH"],
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": "c1",
            "CNI_IFNAME": "net1",
            "CNI_NETNS": str(self.netns),
            "CNI_PATH": str(self.plugins),
            "CNI_MACVLAN_SETTINGS": str(self.runtime.settings),
            "CNI_MACVLAN_AGENT_SOCKET": str(agent.socket),
        }
        note = f"readlink /proc/self/ns/mnt > {self.notes}.caller"
        door = f"exec nsenter --net={self.runtime.lan.node.path} {self.runtime.cni_path}/macvlan"
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", f"{self.mounts} && {note} && {door}"],
            env=variables, input=json.dumps(config), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


def test_what_only_the_caller_sees(runtime: Runtime, lan: Lan, agent: Agent, tmp_path: Path) -> None:
    container = lan.container()
    elsewhere = Elsewhere(runtime, container, tmp_path)
    config = runtime.config({"type": "witness"})
    assert not list(elsewhere.plugins.iterdir())
    added = elsewhere.call("ADD", config, agent)
    assert added.returncode == 0, added.stdout + added.stderr
    assert json.loads(added.stdout)["interfaces"][0]["sandbox"] == str(elsewhere.netns)
    assert kernel_state.cidrs(container) == ["10.9.0.77/24"]
    net, mount, called, descriptors = elsewhere.notes.read_text().splitlines()[-4:]
    assert net == f"net:[{lan.node.path.stat().st_ino}]"
    assert mount == elsewhere.notes.with_name("notes.caller").read_text().strip()
    assert called == f"ADD {elsewhere.plugins}/witness"
    assert int(descriptors) == 6, "0 to 2, the container's namespace, ls's own and its total: nothing of the agent's"
    assert agent.is_home()
    assert agent.children() == []
    elsewhere.notes.unlink()
    deleted = elsewhere.call("DEL", config, agent)
    assert (deleted.returncode, deleted.stdout) == (0, "")
    assert container.links() == ["lo"]
    assert "DEL" in elsewhere.notes.read_text()
    assert agent.is_home()
    # the caller's mounts are gone with the caller, since nobody holds them
    runtime.way = Spoken(agent.socket)
    assert runtime.call("ADD", json.dumps(config), CONTAINERID="c2", NETNS=str(container.path), IFNAME="net1").code > 0


def test_caller_without_python(runtime: Runtime, lan: Lan, agent: Agent, tmp_path: Path) -> None:
    """An agent in a container has its code in an image: where its callers stand is none of it, and no library."""
    container = lan.container()
    elsewhere = Elsewhere(runtime, container, tmp_path)
    hidden = (REPOSITORY, Path(os.__file__).parent)
    mounts = " && ".join(f"mount -t tmpfs none {directory}" for directory in hidden)
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f"{elsewhere.mounts} && {mounts} && echo ready && read end"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as host:  # fmt: skip
        assert host.stdin
        assert host.stdout
        assert host.stdout.readline() == b"ready\n"
        runtime.way = Spoken(agent.socket, f"/proc/{host.pid}/ns/mnt", f"/proc/{host.pid}/root")
        for ipam in (
            None,
            {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]]},
            runtime.pool("10.9.0.0/24", "fd00:9::/64", routs=[]),
            {"type": "static", "addresses": [{"address": "10.9.0.7/24"}]},
        ):
            config = runtime.config(ipam, cniVersion="1.1.0")
            runtime.status(config).expect()
            runtime.add(config, container).expect()
            runtime.check(config, container).expect()
            runtime.gc(config, (container, "net1")).expect()
            runtime.delete(config, container).expect()
        config = runtime.config({"type": "witness"})
        for verb in ("ADD", "DEL"):
            runtime.call(
                verb, json.dumps(config), CONTAINERID="c1", NETNS=str(container.path), IFNAME="net1",
                PATH=str(elsewhere.plugins),
            ).expect()  # fmt: skip
        assert runtime.add(runtime.config(None, mode="hub"), container).code not in {0, 999}
        host.stdin.close()
    assert agent.is_home()


def test_everything_is_imported_before_the_first_call() -> None:
    """As above, for the imports that no test happens to meet."""
    late = set()
    for room in ("conf", "ipam", "link", "plugin", "agent"):
        for path in (REPOSITORY / room).rglob("*.py"):
            if {"main.py", "door.py", "command.py", "log.py"} & set(path.parts):
                continue  # not the agent's, or done before it listens
            tree = ast.parse(path.read_text())
            functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            for node in [inner for function in functions for inner in ast.walk(function)]:
                if isinstance(node, ast.Import):
                    late |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    late.add(str(node.module))
    done = subprocess.run(
        [*inside_python("import agent.server; print(*sys.modules)")],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert late, "the walk finds imports in functions"
    assert late - set(done.stdout.split()) == set()


def test_settings_of_the_caller(runtime: Runtime, lan: Lan, agent: Agent, tmp_path: Path) -> None:
    """Two nodes' worth of settings, one agent: each has its own leases."""
    ipam = {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.50"}]]}
    config = runtime.config(ipam)
    other = Runtime(lan, {"macvlan": runtime.cni_path / "macvlan"}, tmp_path / "theirs")
    first, second = lan.container(), lan.container()
    runtime.way = other.way = Spoken(agent.socket)
    assert runtime.add(config, first).addresses == ["10.9.0.50/24"]
    assert other.add(config, second).addresses == ["10.9.0.50/24"]
    assert [remains.rows(each.state_dir)["lease"] for each in (runtime, other)] == [1, 1]
    runtime.settings.write_text("state_dir = []")
    assert runtime.delete(config, first).code == 100
    runtime.settings.write_text(f'state_dir = "{runtime.state_dir}"')
    runtime.delete(config, first).expect()
    other.delete(config, second).expect()
    assert [remains.rows(each.state_dir)["lease"] for each in (runtime, other)] == [0, 0]


def test_the_boot_is_the_agents(runtime: Runtime, lan: Lan, agent: Agent, tmp_path: Path) -> None:
    """Its first caller has another boot id mounted, as containers of systemd-nspawn have: no lease is void for that."""
    other = tmp_path / "boot_id"
    other.write_text("00000000-0000-0000-0000-000000000001\n")
    mount = f'mount --bind {other} /proc/sys/kernel/random/boot_id && exec "$0"'
    config = runtime.config(
        {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.50"}]]}
    )
    given = []
    for way in (
        Executed(str(agent.socket), ("unshare", "--mount", "sh", "-c", mount)),
        Executed(str(agent.socket)),
        Executed(),
    ):
        runtime.way = way
        given += runtime.add(config, lan.container()).addresses
    assert given == ["10.9.0.50/24", "10.9.0.51/24", "10.9.0.52/24"]
    assert remains.rows(runtime.state_dir) == {"attachment": 3, "lease": 3}


def test_namespaces_are_let_go(spoken: Runtime, lan: Lan, agent: Agent) -> None:
    """After a call the container's namespace can vanish, and so its wire's other end does."""
    container = lan.container()
    lan.wire.batch(f"link add canary type veth peer name canary netns {container.name}")
    config = spoken.config(None)
    for verb in (spoken.add, spoken.check, spoken.delete):
        verb(config, container).expect()
    container.remove()
    until(lambda: "canary" not in lan.wire.links(), "the namespace is freed")
    assert not [each for each in agent.descriptors() if str(container.path) in each]


def test_descriptors_that_are_no_namespaces(agent: Agent, lan: Lan) -> None:
    """What a caller sends for its namespaces may be anything; it gets no answer, and others get theirs."""
    call = request({"CNI_COMMAND": "VERSION"}, "{}")
    strange = [
        ("/dev/null", "/dev/null", "/"),
        ("/proc/self/ns/mnt", "/proc/self/ns/net", "/"),
        (str(lan.node.path), "/dev/null", "/"),
        ("/dev/null", OWN_MOUNT, "/"),
        ("/proc/self/ns/pid", OWN_MOUNT, "/"),
        ("/", "/", "/"),
        (str(lan.node.path), OWN_MOUNT, "/dev/null"),
        (str(lan.node.path), OWN_MOUNT, OWN_MOUNT),
    ]
    for paths in strange * 3:
        opened = open_namespaces(*paths)
        with Conversation(agent.socket) as conversation:
            conversation.ask(call, opened)
            with pytest.raises(NoAnswer):
                conversation.answer()
        for descriptor in opened:
            os.close(descriptor)
    assert version(agent.socket)
    assert agent.is_home()
    # each was logged with its reason
    assert agent.log.read_text().count("a client sent no namespaces: ") == len(strange) * 3


# A home that nobody finds back to: what is left there for the threads is no namespace.
LOSING = """
import os
from agent.server import Options, Server
server = Server(Options(sys.argv[1], workers=2))
server._threads._home._network = os.open("/dev/null", os.O_RDONLY)
server.run()
"""


def test_lost_workers_are_replaced(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """A thread that cannot go home serves nobody else, holds nothing, and another takes its place, at home."""
    agent = Agent(tmp_path / "agent.sock", command=inside_python(LOSING)).wait_ready()
    try:
        before = agent.threads()
        runtime.way = Spoken(agent.socket)
        for _ in range(10):
            runtime.version().expect()
        until(lambda: len(agent.threads()) == 3 and agent.is_home(), "all threads are at home, and two are workers")
        assert agent.threads() != before
        assert str(lan.node.path) not in agent.descriptors()
        agent.process.terminate()
        agent.ended()
        assert agent.log.read_text().count("a worker is lost") == 10
    finally:
        if agent.process.poll() is None:
            agent.kill()
