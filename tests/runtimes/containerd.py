"""containerd on a node of its own: containers by `ctr`, sandboxes of pods by CRI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.namespaces import fresh_suffix
from tests.runtimes.cri import Refused, Unreachable
from tests.runtimes.image import write_image
from tests.runtimes.node import ROOTFS

if TYPE_CHECKING:
    import subprocess

    from tests.machine import Machine
    from tests.runtime import Json
    from tests.runtimes.cri import Cri
    from tests.runtimes.node import Node

SOCKET = "/run/containerd/containerd.sock"
IMAGE = "localhost/pause:1"
PODS = "k8s.io"
NOT_READY = 1
# The score of a process can be lowered with CAP_SYS_RESOURCE only.
CONFIGURATION = f"""
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"
"""


def serve(machine: Machine, *plugins: str) -> None:
    """Start the daemon with the unit of its package, and with reference plugins beside ours."""
    machine.write("/etc/containerd/config.toml", CONFIGURATION)
    machine.run("cp", *(f"/usr/lib/cni/{plugin}" for plugin in ("loopback", *plugins)), "/opt/cni/bin")
    machine.run("systemctl", "start", "containerd")


def take(machine: Machine, archive: str) -> None:
    """Import an archive of images for pods."""
    machine.run("ctr", "--namespace", PODS, "image", "import", archive)


def until_ready(machine: Machine, cri: Cri) -> None:
    """Wait until pods can be made: the daemon says that it is there before it serves."""

    def serves() -> bool:
        try:
            cri.call("ListPodSandbox")
        except Unreachable:
            return False
        except Refused as refused:
            assert "not initialized yet" in str(refused)  # noqa: PT017 - any other refusal is final
            return False
        return True

    machine.until(serves, "the runtime serves")


class Containerd:
    """The daemon on a node, and what is in its containers."""

    def __init__(self, node: Node) -> None:
        self.node = node
        serve(node.machine)

    def restart(self) -> None:
        """Restart the daemon; its containers live on."""
        self.node.machine.run("systemctl", "restart", "containerd")

    def inside(self, container: str, *words: str, namespace: str = "default") -> str:
        """What a program says that is run in a container; one that says nothing is run again.

        `ctr` stops to copy when the program ends, and may lose its output (mended by containerd's pull request 13931).
        """
        said = ""

        def is_heard() -> bool:
            nonlocal said
            execute = ("ctr", "--namespace", namespace, "task", "exec", "--exec-id", fresh_suffix())
            said = self.node.machine.run(*execute, container, *words)
            return said != ""

        self.node.machine.until(is_heard, f"{' '.join(words)} is heard")
        return said

    def address(self, container: str, **where: str) -> str:
        """The address as the container sees it."""
        shown = self.inside(container, "/bin/ip", "-4", "-o", "address", "show", "dev", "eth0", **where)
        (address,) = re.findall(r"inet ([0-9.]+)/", shown)
        return str(address)


class Ctr(Containerd):
    """Containers as a person makes them by `ctr run --cni`."""

    def run(self, name: str) -> subprocess.Popen[str]:
        """Start a container that sleeps; `ctr` waits for its end."""
        ctr = ("ctr", "run", "--rm", "--cni", "--rootfs", ROOTFS, name, "/bin/sleep", "1000")
        waiting = self.node.machine.spawn(*ctr)
        self.node.machine.until(lambda: waiting.poll() is not None or self.runs(name), f"{name} runs")
        return waiting

    def run_and_forget(self, name: str) -> None:
        """Start a container by `ctr run --detach`, and remove it as soon as it runs."""
        run = self.node.machine.run
        run("ctr", "run", "--detach", "--cni", "--rootfs", ROOTFS, name, "/bin/sleep", "1000")
        run("ctr", "task", "delete", "--force", name)
        run("ctr", "container", "delete", name)

    def runs(self, name: str) -> bool:
        """Whether the container's process has been started."""
        return re.search(rf"^{name} .*RUNNING", self.node.machine.run("ctr", "task", "ls"), re.MULTILINE) is not None

    def kill(self, name: str) -> None:
        """Kill the container's process."""
        self.node.machine.run("ctr", "task", "kill", "--signal", "KILL", name)


class Kubelet(Containerd):
    """Sandboxes of pods as a kubelet has them made."""

    def __init__(self, node: Node, cri: Cri) -> None:
        super().__init__(node)
        self._cri = cri
        write_image(node.machine.path("/root/image.tar"), IMAGE)
        take(node.machine, "/root/image.tar")
        until_ready(node.machine, cri)

    def restart(self) -> None:
        """Restart the daemon."""
        super().restart()
        until_ready(self.node.machine, self._cri)

    def run(self, pod: str) -> str:
        """Have a sandbox made; its id. Raises Refused."""
        metadata: Json = {"name": pod, "uid": f"uid-{pod}", "namespace": "default"}
        made = self._cri.call("RunPodSandbox", config={"metadata": metadata, "hostname": pod, "linux": {}})
        return str(made["pod_sandbox_id"])

    def reported(self, sandbox: str) -> str:
        """The address that the runtime reports."""
        return str(self._status(sandbox)["network"]["ip"])

    def kill(self, sandbox: str) -> None:
        """Kill its process, and wait until the runtime knows: until then it refuses to stop what is not there."""
        self.node.machine.run("ctr", "--namespace", PODS, "task", "kill", "--signal", "KILL", sandbox)
        self.node.machine.until(lambda: self._status(sandbox).get("state") == NOT_READY, "the runtime knows of its end")

    def _status(self, sandbox: str) -> Json:
        status: Json = self._cri.call("PodSandboxStatus", pod_sandbox_id=sandbox)["status"]
        return status

    def stop(self, sandbox: str) -> None:
        """Have it stopped."""
        self._cri.call("StopPodSandbox", pod_sandbox_id=sandbox)

    def remove(self, sandbox: str) -> None:
        """Have it removed."""
        self._cri.call("RemovePodSandbox", pod_sandbox_id=sandbox)
