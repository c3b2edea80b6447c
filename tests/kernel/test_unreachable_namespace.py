"""A namespace that cannot be opened is not gone: DEL and GC keep the link and its lease, and say so."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lan import SUBNET4
from tests.runtime import DOOR
from tests.ways import Executed

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

SECONDS = 120
UNPRIVILEGED = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def call_limited(
    runtime: Runtime, command: str, config: Json, container: Namespace, netns: str, *limits: str
) -> subprocess.CompletedProcess[str]:
    """A call in a process of its own, below whatever limits its resources or rights."""
    variables = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": container.name,
        "CNI_NETNS": netns,
        "CNI_IFNAME": "net1",
        "CNI_PATH": str(runtime.cni_path),
        "CNI_MACVLAN_SETTINGS": str(runtime.settings),
        "CNI_MACVLAN_AGENT_SOCKET": "",
    }
    words = ("nsenter", f"--net={runtime.lan.node.path}", *limits, str(DOOR))
    return subprocess.run(
        words, input=json.dumps(config), capture_output=True, text=True, timeout=SECONDS, check=False,
        env=dict(os.environ) | variables,
    )  # fmt: skip


@pytest.mark.parametrize("descriptors", range(4, 17))
def test_too_few_descriptors_free_no_address_in_use(lan: Lan, runtime: Runtime, descriptors: int) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    limit = ("prlimit", f"--nofile={descriptors}:{descriptors}")
    done = call_limited(runtime, "DEL", config, container, str(container.path), *limit)
    is_there = "net1" in container.links()
    assert bool(runtime.held()) == is_there, done
    assert (done.returncode == 0) == (not is_there), done
    runtime.delete(config, container).expect()
    assert (container.links(), runtime.held()) == (["lo"], [])


@pytest.mark.parametrize("verb", ["ADD", "DEL"])
@pytest.mark.parametrize("mebibytes", [20, 24, 28, 32, 36, 40, 44, 48])
def test_too_little_memory_is_told_and_frees_no_address_in_use(
    lan: Lan, runtime: Runtime, mebibytes: int, verb: str
) -> None:
    """Where Python itself finds enough to begin with, the runtime is told what is lacking; an executed one may die."""
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    if verb == "DEL":
        runtime.add(config, container).expect()
    limit = ("prlimit", f"--as={mebibytes << 20}")
    done = call_limited(runtime, verb, config, container, str(container.path), *limit)
    assert done.returncode == 0 or json.loads(done.stdout)["code"] in {5, 11, 109, 111}, done
    is_there = "net1" in container.links()
    assert bool(runtime.held()) == is_there, done
    assert (done.returncode == 0) == (is_there == (verb == "ADD")), done
    runtime.delete(config, container).expect()
    assert (container.links(), runtime.held()) == (["lo"], [])


@pytest.mark.parametrize("verb", ["DEL", "GC"])
def test_a_namespace_that_may_not_be_opened_keeps_link_and_lease(lan: Lan, runtime: Runtime, verb: str) -> None:
    """Root without CAP_SYS_PTRACE may not open the namespace of another user's process."""
    config = runtime.config(runtime.pool(SUBNET4), cniVersion="1.1.0")
    container = lan.container()
    tenant = subprocess.Popen(
        ["nsenter", f"--net={container.path}", *UNPRIVILEGED, "sh", "-c", "echo in; exec sleep 600"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert tenant.stdout is not None
    with tenant, tenant.stdout:
        try:
            tenant.stdout.readline()
            netns = f"/proc/{tenant.pid}/ns/net"
            runtime.add(config, container, netns=netns).expect()
            held = runtime.held()
            asked = config if verb == "DEL" else {**config, "cni.dev/valid-attachments": []}
            without = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
            done = call_limited(runtime, verb, asked, container, netns, *without)
            assert json.loads(done.stdout)["code"] == 11
            assert "Permission denied" in done.stdout
            assert ("net1" in container.links(), runtime.held()) == (True, held)
            runtime.delete(config, container, netns=netns).expect()
            assert (container.links(), runtime.held()) == (["lo"], [])
        finally:
            tenant.kill()


@pytest.mark.parametrize("verb", ["DEL", "GC"])
def test_a_namespace_that_has_lost_its_name_gives_its_interface_up_as_long_as_somebody_lives_there(
    lan: Lan, runtime: Runtime, verb: str
) -> None:
    config = runtime.config(runtime.pool(SUBNET4), cniVersion="1.1.0")
    container = lan.container()
    command = ["nsenter", f"--net={container.path}", "sh", "-c", "echo in; exec sleep 600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tenant:
        try:
            assert tenant.stdout is not None
            tenant.stdout.readline()
            runtime.add(config, container).expect()
            subprocess.run(["ip", "netns", "del", container.name], check=True)
            again = runtime.attach("ADD", config, container, netns=str(lan.container().path))
            assert (again.code, f"/proc/{tenant.pid}/ns/net" in again.msg) == (103, True), again
            if verb == "DEL":
                runtime.delete(config, container).expect()
            else:
                runtime.call("GC", json.dumps(config | {"cni.dev/valid-attachments": []})).expect()
            shown = subprocess.run(
                ["nsenter", f"--net=/proc/{tenant.pid}/ns/net", "ip", "-br", "link"],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            assert ("net1" in shown.stdout, runtime.held()) == (False, [])
        finally:
            tenant.kill()


@pytest.mark.parametrize("verb", ["DEL", "GC", "ADD"])
def test_a_namespace_that_has_lost_its_name_and_may_not_be_opened_keeps_its_lease(
    lan: Lan, runtime: Runtime, verb: str
) -> None:
    """As for an agent without CAP_SYS_PTRACE: who lives there is not told, what lives there is."""
    config = runtime.config(runtime.pool(SUBNET4), cniVersion="1.1.0")
    container = lan.container()
    elsewhere = str(lan.container().path)
    runtime.add(config, container).expect()
    tenant = subprocess.Popen(
        ["nsenter", f"--net={container.path}", *UNPRIVILEGED, "sh", "-c", "echo in; exec sleep 600"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with tenant:
        try:
            assert tenant.stdout is not None
            tenant.stdout.readline()
            subprocess.run(["ip", "netns", "del", container.name], check=True)
            asked = config | {"cni.dev/valid-attachments": []} if verb == "GC" else config
            netns = elsewhere if verb == "ADD" else str(container.path)
            without = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
            done = call_limited(runtime, verb, asked, container, netns, *without)
            assert (json.loads(done.stdout)["code"], len(runtime.held())) == (11, 1), done
            assert f"process {tenant.pid}" in done.stdout
            runtime.delete(config, container).expect()
            assert runtime.held() == []
        finally:
            tenant.kill()


@pytest.mark.parametrize("what", ["a FIFO", "a directory", "a file", "another kind of namespace"])
def test_what_is_no_namespace_proves_the_container_gone(lan: Lan, runtime: Runtime, what: str) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    container.batch("link del net1")
    path = runtime.directory / "netns"
    if what == "a FIFO":
        os.mkfifo(path)
    elif what == "a directory":
        path.mkdir()
    elif what == "a file":
        path.touch()
    else:
        path.symlink_to("/proc/self/ns/mnt")
    runtime.delete(config, container, netns=str(path)).expect()
    assert runtime.held() == []


def test_a_proc_of_other_processes_proves_nothing_gone(lan: Lan, runtime: Runtime) -> None:
    """Who has entered the mount namespace of a container alone does not find itself in /proc."""
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    other = subprocess.Popen([*apart, "sh", "-c", "echo in; exec sleep 600"], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    with other, other.stdout:
        try:
            other.stdout.readline()
            inhabitant = Path(f"/proc/{other.pid}/task/{other.pid}/children").read_text().strip()
            # The launcher has nothing to hand to an agent there, and leaves such a call to the door.
            for plugin in runtime.cni_path.iterdir():
                if plugin.resolve() == runtime.entry:
                    plugin.unlink()
                    plugin.symlink_to(DOOR)
            runtime.way = Executed.elsewhere(runtime.way, "nsenter", f"--mount=/proc/{inhabitant}/ns/mnt")
            runtime.check(config, container).expect()
            runtime.delete(config, container).expect()
            assert (container.links(), runtime.held()) == (["lo"], [])
            runtime.add(config, container).expect()
            assert ("net1" in container.links(), len(runtime.held())) == (True, 1)
        finally:
            other.kill()
