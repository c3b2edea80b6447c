"""What a kubelet does with one node's pod, done by podman on a machine of the test's own."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

from tests.deploy.pod import CONFIG, Pod, one
from tests.runtimes.podman import LIMITED

if TYPE_CHECKING:
    from tests.machine import Machine
    from tests.runtime import Json

SECONDS = 60.0


class Kubelet:
    """Runs pods with neither the node's network nor its processes, as their manifest says."""

    def __init__(self, machine: Machine, images: str) -> None:
        self.machine = machine
        machine.write("/etc/containers/containers.conf", LIMITED)
        self._podman("load", "--quiet", "--input", images)

    def prepare(self, objects: list[Json]) -> Pod:
        """Make what the pod of these objects mounts."""
        for name, text in one(objects, "ConfigMap")["data"].items():
            self.machine.write(str(CONFIG / name), text)
        pod = Pod(one(objects, "DaemonSet")["spec"]["template"]["spec"])
        for volume in pod.spec["volumes"]:
            if "hostPath" in volume:
                self.machine.run("mkdir", "-p", volume["hostPath"]["path"])
        return pod

    def complete(self, pod: Pod, name: str, image: str, instead: tuple[str, ...] = ()) -> str:
        """Run a container of it to its end, with its own arguments or others; what it said."""
        words = instead or pod.command(name)
        return self._podman("run", "--rm", "--network=none", *pod.options(name), image, *words)

    def start(self, pod: Pod, image: str, instance: str, *instead: str) -> None:
        """Start the agent's container and wait until it is ready; ``instead`` replaces its capabilities."""
        options = pod.options("agent")
        if instead:
            options = [each for each in options if not each.startswith("--cap-add=")]
        self._podman(
            "run", "--detach", f"--name={instance}", "--network=none", *options, *instead, image, *pod.command("agent")
        )
        self.until_passed(pod, "startup", instance)

    def passes(self, pod: Pod, kind: str, instance: str) -> bool:
        """Whether a probe succeeds."""
        return self.machine.start("podman", "exec", instance, *pod.probe(kind)).returncode == 0

    def until_passed(self, pod: Pod, kind: str, instance: str) -> None:
        """Probe until it succeeds."""
        deadline = time.monotonic() + SECONDS
        while not self.passes(pod, kind, instance):
            assert self.is_running(instance), self.log(instance)
            assert time.monotonic() < deadline, f"not {kind} within {SECONDS:.0f} s\n{self.log(instance)}"

    def is_running(self, instance: str) -> bool:
        """Whether its process is there."""
        (state,) = json.loads(self._podman("inspect", instance))
        return bool(state["State"]["Running"])

    def log(self, instance: str) -> str:
        """What it wrote."""
        done: subprocess.CompletedProcess[str] = self.machine.start("podman", "logs", instance)
        return done.stdout + done.stderr

    def end(self, pod: Pod, instance: str) -> None:
        """Terminate it, and require that it ends within its grace and content."""
        grace = pod.spec["terminationGracePeriodSeconds"]
        assert self._podman("stop", f"--time={grace}", instance)
        (state,) = json.loads(self._podman("inspect", instance))
        assert state["State"]["ExitCode"] == 0, self.log(instance)
        self._podman("rm", instance)

    def _podman(self, *words: str) -> str:
        return self.machine.run("podman", *words)
