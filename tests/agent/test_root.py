"""A caller whose root is not that of its mount namespace, as under Multus in its thick mode: its paths are its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import kernel_state
from tests.agent.process import SECONDS, Agent
from tests.agent.protocol import OLD_REQUEST, OWN_MOUNT, Conversation, open_namespaces, request
from tests.crash import remains
from tests.namespaces import execute
from tests.runtime import DOOR, REPOSITORY
from tests.ways import Done, Executed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

WAYS = ("process", "door", "launcher")
WITNESS = """#!/bin/sh
cat > /dev/null
echo "$CNI_COMMAND $0" >> /var/notes
[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.77/24"}]}'
exit 0
"""
SETTINGS = 'state_dir = "/var/state"\nrecord_dir = "/var/records"\n'
RANGE: Json = {"ranges": [[{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.50"}]]}


class Root:
    """A root directory with files of its own, in a mount namespace of its own, in which nobody begins his paths."""

    def __init__(self, holder: subprocess.Popen[str], place: Path, files: Path) -> None:
        self.place = place
        self.files = files
        self.enter = ("nsenter", f"--mount=/proc/{holder.pid}/ns/mnt")

    def call(self, executable: Path, node: Path, environment: dict[str, str], stdin: str, directory: Path) -> Done:
        """Execute it below this root, in the node's network: a runtime's way to call us."""
        del directory
        done = subprocess.run(
            ["nsenter", f"--net={node}", *self.enter, "chroot", str(self.place), str(executable)],
            input=stdin, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def root_directory(directory: Path) -> Iterator[Root]:
    """The node's programs and the test's directory; an /etc, /var, /plugins and place in /run of its own."""
    place, files = directory / "root", directory / "files"
    place.mkdir()
    own = {f"/{name}": files / name for name in ("etc", "var", "plugins", "run/cni-macvlan-py")}
    for source in own.values():
        source.mkdir(parents=True)
    nodes = ("/usr", "/proc", "/sys", "/dev", "/run", sys.base_prefix, str(REPOSITORY), str(directory))
    commands = [f"mount -t tmpfs none {place}", f"cd {place}", "touch netns"]
    for path, source in ({node: Path(node) for node in nodes} | own).items():
        commands += [f"mkdir -p .{path}", f"mount --rbind {source} .{path}"]
    commands += [f"ln -s usr/{name} {name}" for name in ("bin", "lib", "lib64", "sbin")]
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-ec", f"{' && '.join(commands)} && echo ready && read end"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdin
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        root = Root(holder, place, files)
        (root.files / "etc/settings.toml").write_text(SETTINGS)
        (root.files / "etc/resolv.own").write_text("nameserver 10.9.0.1\n")
        (root.files / "plugins/witness").write_text(WITNESS)
        (root.files / "plugins/witness").chmod(0o755)
        yield root
        holder.stdin.close()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    with root_directory(tmp_path) as made:
        yield made


@pytest.fixture(scope="module", name="built")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launcher, with no door to fall back to."""
    directory = tmp_path_factory.mktemp("launcher")
    make = ["make", "--silent", "-C", str(REPOSITORY / "launcher"), f"BUILD={directory}", "DOOR=/nonexistent", "all"]
    subprocess.run(make, check=True, timeout=SECONDS)
    return directory / "launcher"


@pytest.fixture
def runtime(runtime: Runtime, built: Path) -> Runtime:
    """The same, which has the launcher as well."""
    shutil.copy(built, runtime.cni_path / "launcher")
    return runtime


def lives(runtime: Runtime, container: Namespace, root: Root, way: str, agent: Agent) -> list[object]:
    """The answers to everything that can be asked for below this root, and what is in its files after each step."""
    seen: list[object] = []
    environment = {
        "PATH": os.environ["PATH"],
        "CNI_CONTAINERID": "c1",
        "CNI_IFNAME": "net1",
        "CNI_PATH": "/plugins",
        "CNI_MACVLAN_SETTINGS": "/etc/settings.toml",
        "CNI_MACVLAN_AGENT_SOCKET": "" if way == "process" else str(agent.socket),
    }
    # Below the root alone: nobody else finds it by this name, and nobody there by its usual one.
    namespace = f"/proc/{os.getpid()}/root{container.path}"
    execute(*root.enter, "mount", "--no-canonicalize", "--bind", namespace, root.place / "netns")
    for name in ("macvlan", "cni-macvlan-py", "host-local"):
        plugin = root.files / "plugins" / name
        plugin.unlink(missing_ok=True)
        plugin.symlink_to(runtime.cni_path / "launcher" if way == "launcher" else DOOR)

    def call(verb: str, config: Json, **variables: str) -> Done:
        done = root.call(
            Path("/plugins/macvlan"), runtime.lan.node.path, environment | {"CNI_COMMAND": verb} | variables,
            json.dumps(config), runtime.directory,
        )  # fmt: skip
        assert done.returncode == 0, f"{way}: {verb}: {done.stdout} {done.stderr}"
        return done

    try:
        for ipam in (
            {"type": "cni-macvlan-py", "resolvConf": "/etc/resolv.own", **RANGE},
            {"type": "host-local", "dataDir": "/var/networks", **RANGE},
            {"type": "witness"},
        ):
            config = runtime.config(ipam, cniVersion="1.1.0")
            added = call("ADD", config, CNI_NETNS="/netns").stdout
            seen += [kernel_state.without_random_mac(added), files_of(root)]
            call("CHECK", config | {"prevResult": json.loads(added)}, CNI_NETNS="/netns")
            call("STATUS", config)
            call("DEL", config, CNI_NETNS="")
            assert container.links() == ["lo"]
            seen.append(files_of(root))
            call("ADD", config, CNI_NETNS="/netns")
            call("GC", config | {"cni.dev/valid-attachments": []})
            assert container.links() == ["lo"]
            call("DEL", config, CNI_NETNS="")
    finally:
        execute(*root.enter, "umount", root.place / "netns")
    return seen


def files_of(root: Root) -> list[object]:
    """Leases and notes."""
    networks = sorted(each.name for each in (root.files / "var/networks").glob("*/10.*"))
    notes = root.files / "var/notes"
    rows = remains.rows(root.files / "var/state")
    return [rows["lease"], rows["attachment"], networks, notes.read_text() if notes.exists() else ""]


@pytest.mark.parametrize("stands", ["elsewhere", "in the same mount namespace", "below the same root"])
def test_everything_that_a_caller_names_is_looked_for_below_its_root(
    runtime: Runtime, lan: Lan, tmp_path: Path, root: Root, stands: str
) -> None:
    """Settings, state, records, host-local's directory, resolvConf, plugins, CNI_NETNS; wherever the agent stands."""
    door = (DOOR, "agent", "--socket")
    command = {
        "elsewhere": door,
        "in the same mount namespace": (*root.enter, *door),
        "below the same root": (*root.enter, "chroot", root.place, *door),
    }[stands]
    seen = {}
    with Agent(tmp_path / "agent.sock", command=command) as agent:
        for way in WAYS:
            container = lan.container()
            seen[way] = lives(runtime, container, root, way, agent)
            assert (root.files / "var/records").exists()
            for made in (root.files / "var").iterdir():
                shutil.rmtree(made) if made.is_dir() else made.unlink()
        assert agent.is_home()
    assert seen["door"] == seen["process"]
    assert seen["launcher"] == seen["process"]
    assert [each for each in ("/var/state", "/var/records", "/var/networks", "/var/notes") if Path(each).exists()] == []


def test_a_launcher_of_protocol_1_is_served(runtime: Runtime, lan: Lan, agent: Agent) -> None:
    """It sends no root directory, and is none the worse for it where it has no other than its mount namespace."""
    container = lan.container()
    variables = {"CNI_CONTAINERID": "c1", "CNI_IFNAME": "net1", "CNI_NETNS": str(container.path)}
    variables["CNI_MACVLAN_SETTINGS"] = str(runtime.settings)
    for verb, links in (("ADD", ["lo", "net1"]), ("DEL", ["lo"])):
        said = request(variables | {"CNI_COMMAND": verb}, json.dumps(runtime.config(None)))
        opened = open_namespaces(lan.node.path, OWN_MOUNT, container.path)
        with Conversation(agent.socket) as conversation:
            conversation.ask(OLD_REQUEST + said[4:], opened)
            assert conversation.answer()[0] == 0
        for descriptor in opened:
            os.close(descriptor)
        assert container.links() == links
    assert agent.is_home()


@pytest.mark.parametrize("way", WAYS)
def test_the_nodes_root_seen_otherwise_has_the_nodes_leases(
    runtime: Runtime, lan: Lan, tmp_path: Path, way: str
) -> None:
    """Multus's thick daemon: its own root is a container's, and plugins are executed below the node's, at /hostroot."""
    daemon = tmp_path / "daemon"
    daemon.mkdir()
    commands = f"""
        mount -t tmpfs none {daemon} && cd {daemon} && mkdir hostroot old proc
        mount --rbind / hostroot && mount --rbind /proc proc && pivot_root . old && cd /
        exec /hostroot/bin/busybox chroot /hostroot sh -c 'exec nsenter --net={lan.node.path} "$0"' "$PLUGIN"
    """
    plugin = runtime.cni_path / ("launcher" if way == "launcher" else "macvlan")
    config = runtime.config({"type": "cni-macvlan-py", **RANGE})
    with Agent(tmp_path / "agent.sock") as agent:
        runtime.way = Executed("" if way == "process" else str(agent.socket))
        first, second, third = (lan.container() for _ in range(3))
        assert runtime.add(config, first).addresses == ["10.9.0.50/24"]
        variables = {
            "PATH": os.environ["PATH"], "PLUGIN": str(plugin), "CNI_COMMAND": "ADD", "CNI_CONTAINERID": second.name,
            "CNI_NETNS": str(second.path), "CNI_IFNAME": "net1", "CNI_PATH": str(runtime.cni_path),
            "CNI_MACVLAN_SETTINGS": str(runtime.settings),
            "CNI_MACVLAN_AGENT_SOCKET": "" if way == "process" else str(agent.socket),
        }  # fmt: skip
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", commands], env=variables, input=json.dumps(config),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["ips"][0]["address"] == "10.9.0.51/24"
        assert runtime.add(config, third).addresses == ["10.9.0.52/24"]
        assert remains.rows(runtime.state_dir)["lease"] == 3
        assert agent.is_home()
