"""A pod as it is on a node: its sandbox, its containers, and programs in them, by the calls that a kubelet makes."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cluster.containers import CONTAINER, container_config, seccomp
from tests.machine import SECONDS
from tests.runtimes.cri import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.machine import Machine
    from tests.runtime import Json
    from tests.runtimes.cri import Cri

RUNNING, ENDED = 1, 2
GRACE = 30


@dataclass(frozen=True)
class Sandbox:
    """Where a pod's containers are."""

    id: str
    netns: str
    address: str


@dataclass(frozen=True)
class Outcome:
    """What a program wrote, and its exit status."""

    stdout: bytes
    stderr: bytes
    status: int


class Instance:
    """A pod whose sandbox and containers are made one after the other; every call raises Refused."""

    def __init__(self, pod: Json, machine: Machine, cri: Cri) -> None:
        self.pod = pod
        self._machine = machine
        self._cri = cri
        identity = {key: pod["metadata"][key] for key in ("namespace", "name", "uid")}
        self._name = "_".join(identity.values())
        context = pod["spec"].get("securityContext", {})
        security = {"namespace_options": {"pid": CONTAINER}, "seccomp": seccomp(context.get("seccompProfile", {}))}
        self._config = {
            "metadata": identity, "hostname": identity["name"], "log_directory": f"/var/log/pods/{self._name}",
            "linux": {"security_context": security},
        }  # fmt: skip
        self._sandbox = ""
        self._volumes: dict[str, str] = {}
        self._containers: dict[str, str] = {}

    def run_sandbox(self) -> Sandbox:
        """Make the sandbox."""
        self._sandbox = self._cri.call("RunPodSandbox", config=self._config)["pod_sandbox_id"]
        told = self._cri.call("PodSandboxStatus", pod_sandbox_id=self._sandbox, verbose=True)
        (info,) = [json.loads(each["value"]) for each in told["info"] if each["key"] == "info"]
        namespaces = {each["type"]: each.get("path", "") for each in info["runtimeSpec"]["linux"]["namespaces"]}
        return Sandbox(self._sandbox, namespaces["network"], told["status"]["network"]["ip"])

    def make_volumes(self, settings: Callable[[str], Json]) -> None:
        """Make what the containers mount; ``settings`` gives a ConfigMap by its name."""
        for volume in self.pod["spec"].get("volumes", []):
            place = f"/var/lib/kubelet/pods/{self._name}/volumes/{volume['name']}"
            if "hostPath" in volume:
                place = volume["hostPath"]["path"]
            else:
                for file, text in settings(volume["configMap"]["name"])["data"].items():
                    self._machine.write(f"{place}/{file}", text)
            self._machine.run("mkdir", "-p", place)
            self._volumes[volume["name"]] = place

    def run(self, container: Json) -> None:
        """Start a container."""
        made = self._cri.call(
            "CreateContainer", pod_sandbox_id=self._sandbox, sandbox_config=self._config,
            config=container_config(self.pod, container, self._volumes),
        )["container_id"]  # fmt: skip
        self._cri.call("StartContainer", container_id=made)
        self._containers[container["name"]] = made

    def complete(self, container: Json) -> None:
        """Run a container to its end, which has to be a good one."""
        self.run(container)
        deadline = time.monotonic() + SECONDS
        while (status := self._status(container["name"])).get("state") != ENDED:
            assert time.monotonic() < deadline, f"has not ended within {SECONDS:.0f} s: {status}"
            time.sleep(0.02)
        assert status.get("exit_code", 0) == 0, f"{status}\n{self.log(container['name'])}"

    def has_run(self, container: str) -> bool:
        """Whether a container was ever started."""
        return container in self._containers

    def is_running(self, container: str) -> bool:
        """Whether its process is there."""
        return self._status(container).get("state") == RUNNING

    def execute(self, container: str, command: list[str], seconds: int) -> Outcome:
        """Run a program in a container, to its end."""
        done = self._cri.call("ExecSync", container_id=self._containers[container], cmd=command, timeout=seconds)
        stdout, stderr = (base64.b64decode(done.get(stream, "")) for stream in ("stdout", "stderr"))
        return Outcome(stdout, stderr, done.get("exit_code", 0))

    def passes(self, container: Json, kind: str) -> bool:
        """Whether a probe of a container succeeds in its time; one that there is not does."""
        probe = container.get(kind)
        if not probe:
            return True
        try:
            done = self.execute(container["name"], probe["exec"]["command"], probe.get("timeoutSeconds", 1))
        except Refused:  # to wait any longer
            return False
        return done.status == 0

    def until_passed(self, container: Json, kind: str) -> None:
        """Probe until it succeeds, as often as it may fail."""
        probe = container.get(kind, {})
        for _ in range(probe.get("failureThreshold", 3)):
            next_time = time.monotonic() + probe.get("periodSeconds", 10)
            if self.passes(container, kind):
                return
            time.sleep(max(0, next_time - time.monotonic()))
        raise AssertionError(f"never passed: {probe}\n{self.log(container['name'])}")

    def log(self, container: str) -> str:
        """What a container wrote on both streams."""
        written = self._machine.path(f"{self._config['log_directory']}/{container}.log").read_text()
        # Each line has a time, its stream, and whether it is whole.
        return "".join(line.split(" ", 3)[3] for line in written.splitlines(keepends=True))

    def stop(self, container: str) -> int:
        """Terminate a container, within its grace; its exit status."""
        grace = self.pod["spec"].get("terminationGracePeriodSeconds", GRACE)
        self._cri.call("StopContainer", container_id=self._containers[container], timeout=grace)
        return int(self._status(container).get("exit_code", 0))

    def remove(self) -> None:
        """Remove the sandbox with what is in it."""
        self._cri.call("StopPodSandbox", pod_sandbox_id=self._sandbox)
        self._cri.call("RemovePodSandbox", pod_sandbox_id=self._sandbox)

    def _status(self, container: str) -> Json:
        status: Json = self._cri.call("ContainerStatus", container_id=self._containers[container])["status"]
        return status
