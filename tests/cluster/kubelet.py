"""A kubelet in small: it has every pod of the store made, probed and ended by the containerd of a machine."""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.cluster.containers import CONTAINER, container_config, seccomp
from tests.cluster.kinds import CONFIG_MAP, POD
from tests.cluster.multus import Multus, Sandbox
from tests.cluster.refusals import Refusal
from tests.cluster.store import now
from tests.cluster.websocket import Outcome
from tests.runtimes.cri import Refused

if TYPE_CHECKING:
    from tests.cluster.store import Store
    from tests.machine import Machine
    from tests.runtime import Json
    from tests.runtimes.cri import Cri

ENDED = 2
SECONDS = 60.0
GRACE = 30


class Kubelet:
    """Runs pods in threads of their own, from their sandbox to their removal from the store.

    A pod that cannot be started says so in its status, and waits for its deletion; nothing is tried again.
    """

    def __init__(self, machine: Machine, cri: Cri, store: Store) -> None:
        self._machine = machine
        self._cri = cri
        self._store = store
        self._multus = Multus(machine, store)
        self._containers: dict[tuple[str, str], str] = {}

    def serve(self) -> None:
        """Run every pod that is made, until the end of the store."""
        lives: dict[str, threading.Thread] = {}
        while True:
            version = self._store.version
            for pod in self._store.list(POD):
                if pod["metadata"]["uid"] not in lives:
                    lives[pod["metadata"]["uid"]] = threading.Thread(target=self._live, args=(pod,))
                    lives[pod["metadata"]["uid"]].start()
            if not self._store.wait(version, SECONDS):
                break
        for life in lives.values():
            life.join()

    def log(self, pod: Json, container: str) -> str:
        """What a container wrote on both streams, the first one if none is named."""
        name = container or pod["spec"]["containers"][0]["name"]
        # Each line has a time, its stream, and whether it is whole.
        written = self._machine.path(f"{_logs(pod)}/{name}.log")
        if not written.exists():
            raise Refusal(400, "BadRequest", f'container "{name}" is waiting to start')
        return "".join(line.split(" ", 3)[3] for line in written.read_text().splitlines(keepends=True))

    def execute(self, pod: Json, container: str, command: list[str]) -> Outcome:
        """Run a program in a container, the first one if none is named, to its end; raises Refusal."""
        name = container or pod["spec"]["containers"][0]["name"]
        running = self._containers.get((pod["metadata"]["uid"], name))
        if not running:
            raise Refusal(400, "BadRequest", f'container "{name}" is not running')
        done = self._cri.call("ExecSync", container_id=running, cmd=command, timeout=int(SECONDS))
        stdout, stderr = (base64.b64decode(done.get(stream, "")) for stream in ("stdout", "stderr"))
        return Outcome(stdout, stderr, done.get("exit_code", 0))

    def _live(self, pod: Json) -> None:
        metadata = pod["metadata"]
        with ExitStack() as undo:
            try:
                self._start(pod, undo)
            except (Refusal, Refused, AssertionError) as failed:
                self._tell(pod, {"phase": "Failed", "message": str(failed)})
            if not self._until_terminating(pod):
                undo.pop_all()
                return
        self._store.remove(POD, metadata["namespace"], metadata["name"])

    def _start(self, pod: Json, undo: ExitStack) -> None:
        config = _sandbox_config(pod)
        made = self._cri.call("RunPodSandbox", config=config)["pod_sandbox_id"]
        undo.callback(self._remove, made)
        sandbox = self._sandbox(made)
        undo.callback(self._multus.detach, pod, sandbox)
        self._multus.attach(pod, sandbox)
        volumes = self._volumes(pod)
        for container in pod["spec"].get("initContainers", []):
            self._complete(self._run(pod, container, sandbox, config, volumes))
        if pod["spec"].get("restartPolicy") == "Never":
            for container in pod["spec"]["containers"]:
                self._complete(self._run(pod, container, sandbox, config, volumes))
            self._tell(pod, {"phase": "Succeeded"})
            return
        for container in pod["spec"]["containers"]:
            running = self._run(pod, container, sandbox, config, volumes)
            grace = pod["spec"].get("terminationGracePeriodSeconds", GRACE)
            undo.callback(self._cri.call, "StopContainer", container_id=running, timeout=grace)
            for kind in ("startupProbe", "readinessProbe"):
                self._until_passed(container.get(kind), running)
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": now()}
        self._tell(pod, {"phase": "Running", "podIP": sandbox.address, "conditions": [ready]})

    def _sandbox(self, made: str) -> Sandbox:
        told = self._cri.call("PodSandboxStatus", pod_sandbox_id=made, verbose=True)
        (info,) = [json.loads(each["value"]) for each in told["info"] if each["key"] == "info"]
        namespaces = {each["type"]: each.get("path", "") for each in info["runtimeSpec"]["linux"]["namespaces"]}
        return Sandbox(made, namespaces["network"], told["status"]["network"]["ip"])

    def _remove(self, sandbox: str) -> None:
        self._cri.call("StopPodSandbox", pod_sandbox_id=sandbox)
        self._cri.call("RemovePodSandbox", pod_sandbox_id=sandbox)

    def _volumes(self, pod: Json) -> dict[str, str]:
        """Make what the pod mounts: where on the node each volume is."""
        places = {}
        for volume in pod["spec"].get("volumes", []):
            if "hostPath" in volume:
                place = volume["hostPath"]["path"]
            else:
                place = f"/var/lib/kubelet/pods/{pod['metadata']['uid']}/volumes/{volume['name']}"
                name = volume["configMap"]["name"]
                for file, text in self._store.get(CONFIG_MAP, pod["metadata"]["namespace"], name)["data"].items():
                    self._machine.write(f"{place}/{file}", text)
            self._machine.run("mkdir", "-p", place)
            places[volume["name"]] = place
        return places

    def _run(self, pod: Json, container: Json, sandbox: Sandbox, config: Json, volumes: dict[str, str]) -> str:
        asked = container_config(pod, container, volumes)
        made = self._cri.call("CreateContainer", pod_sandbox_id=sandbox.id, config=asked, sandbox_config=config)
        self._cri.call("StartContainer", container_id=made["container_id"])
        self._containers[pod["metadata"]["uid"], container["name"]] = made["container_id"]
        return str(made["container_id"])

    def _complete(self, container: str) -> None:
        """Wait for an init container's end."""
        deadline = time.monotonic() + SECONDS
        while (status := self._cri.call("ContainerStatus", container_id=container)["status"]).get("state") != ENDED:
            assert time.monotonic() < deadline, f"has not ended within {SECONDS:.0f} s: {status}"
            time.sleep(0.02)
        assert status.get("exit_code", 0) == 0, status

    def _until_passed(self, probe: Json | None, container: str) -> None:
        """Probe until it succeeds, as often as it may fail."""
        if not probe:
            return
        for _ in range(probe.get("failureThreshold", 3)):
            started = time.monotonic()
            command, timeout = probe["exec"]["command"], probe.get("timeoutSeconds", 1)
            if not self._cri.call("ExecSync", container_id=container, cmd=command, timeout=timeout).get("exit_code"):
                return
            time.sleep(max(0, started + probe.get("periodSeconds", 10) - time.monotonic()))
        raise AssertionError(f"never passed: {probe}")

    def _tell(self, pod: Json, status: Json) -> None:
        self._store.change(
            POD, pod["metadata"]["namespace"], pod["metadata"]["name"], lambda made: {**made, "status": status}
        )

    def _until_terminating(self, pod: Json) -> bool:
        """Wait for the pod's deletion; False if the cluster ended before."""
        while True:
            version = self._store.version
            now_known = self._store.get(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])
            if "deletionTimestamp" in now_known["metadata"]:
                return True
            if not self._store.wait(version, SECONDS):
                return False


def _logs(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/var/log/pods/{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"


def _sandbox_config(pod: Json) -> Json:
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace", "uid")}
    security = {
        "namespace_options": {"pid": CONTAINER},
        "seccomp": seccomp(pod["spec"].get("securityContext", {}).get("seccompProfile", {})),
    }
    return {
        "metadata": metadata, "hostname": metadata["name"], "log_directory": _logs(pod),
        "linux": {"security_context": security},
    }  # fmt: skip
