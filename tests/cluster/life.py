"""The life of one pod on a node, as a kubelet has it: sandbox, networks, containers one by one, probes, and the end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.cluster.containers import CONTAINER, container_config, seccomp
from tests.cluster.kinds import CONFIG_MAP, POD
from tests.cluster.multus import Sandbox
from tests.cluster.store import now

if TYPE_CHECKING:
    from contextlib import ExitStack

    from tests.cluster.multus import Multus
    from tests.cluster.store import Store
    from tests.machine import Machine
    from tests.runtime import Json
    from tests.runtimes.cri import Cri

ENDED = 2
SECONDS = 60.0
GRACE = 30


class Life:
    """One pod; ``containers`` are the ids of those that were started, by their names."""

    def __init__(self, pod: Json, machine: Machine, cri: Cri, store: Store) -> None:
        self._pod = pod
        self._machine = machine
        self._cri = cri
        self._store = store
        self.namespace, self.name, self._uid = (pod["metadata"][key] for key in ("namespace", "name", "uid"))
        self.logs = f"/var/log/pods/{self.namespace}_{self.name}_{self._uid}"
        self.containers: dict[str, str] = {}

    def begin(self, multus: Multus, undo: ExitStack) -> None:
        """Start everything, until the pod is ready or has done its work; raises Refused, Refusal or AssertionError."""
        sandbox = self._run_sandbox(undo)
        undo.callback(multus.detach, self._pod, sandbox)
        self.change(multus.attach(self._pod, sandbox))
        volumes = self._volumes()
        for container in self._pod["spec"].get("initContainers", []):
            self._complete(self._run(container, sandbox, volumes))
        if self._pod["spec"].get("restartPolicy") == "Never":
            for container in self._pod["spec"]["containers"]:
                self._complete(self._run(container, sandbox, volumes))
            self.tell(phase="Succeeded")
        else:
            for container in self._pod["spec"]["containers"]:
                running = self._run(container, sandbox, volumes)
                undo.callback(self._stop, running)
                for kind in ("startupProbe", "readinessProbe"):
                    self._until_passed(container.get(kind), running)
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": now()}
            self.tell(phase="Running", podIP=sandbox.address, conditions=[ready])

    def tell(self, **status: object) -> None:
        """Say how it is."""
        self.change({"status": status})

    def change(self, parts: Json) -> None:
        """Replace parts of the pod; annotations are added."""
        annotations = parts.pop("annotations", {})

        def changed(pod: Json) -> Json:
            pod["metadata"].setdefault("annotations", {}).update(annotations)
            return {**pod, **parts}

        self._store.change(POD, self.namespace, self.name, changed)

    def until_terminating(self) -> bool:
        """Wait for the pod's deletion; False if the cluster ended before."""
        while True:
            version = self._store.version
            if "deletionTimestamp" in self._store.get(POD, self.namespace, self.name)["metadata"]:
                return True
            if not self._store.wait(version, SECONDS):
                return False

    def _sandbox_config(self) -> Json:
        context = self._pod["spec"].get("securityContext", {})
        security = {"namespace_options": {"pid": CONTAINER}, "seccomp": seccomp(context.get("seccompProfile", {}))}
        return {
            "metadata": {"name": self.name, "namespace": self.namespace, "uid": self._uid},
            "hostname": self.name,
            "log_directory": self.logs,
            "linux": {"security_context": security},
        }

    def _run_sandbox(self, undo: ExitStack) -> Sandbox:
        made = self._cri.call("RunPodSandbox", config=self._sandbox_config())["pod_sandbox_id"]
        for verb in ("Remove", "Stop"):
            undo.callback(self._cri.call, f"{verb}PodSandbox", pod_sandbox_id=made)
        told = self._cri.call("PodSandboxStatus", pod_sandbox_id=made, verbose=True)
        (info,) = [json.loads(each["value"]) for each in told["info"] if each["key"] == "info"]
        namespaces = {each["type"]: each.get("path", "") for each in info["runtimeSpec"]["linux"]["namespaces"]}
        return Sandbox(made, namespaces["network"], told["status"]["network"]["ip"])

    def _volumes(self) -> dict[str, str]:
        """Make what the pod mounts: where on the node each volume is."""
        places = {}
        for volume in self._pod["spec"].get("volumes", []):
            place = f"/var/lib/kubelet/pods/{self._uid}/volumes/{volume['name']}"
            if "hostPath" in volume:
                place = volume["hostPath"]["path"]
            else:
                settings = self._store.get(CONFIG_MAP, self.namespace, volume["configMap"]["name"])
                for file, text in settings["data"].items():
                    self._machine.write(f"{place}/{file}", text)
            self._machine.run("mkdir", "-p", place)
            places[volume["name"]] = place
        return places

    def _run(self, container: Json, sandbox: Sandbox, volumes: dict[str, str]) -> str:
        config = container_config(self._pod, container, volumes)
        where = {"pod_sandbox_id": sandbox.id, "sandbox_config": self._sandbox_config()}
        made = str(self._cri.call("CreateContainer", config=config, **where)["container_id"])
        self._cri.call("StartContainer", container_id=made)
        self.containers[container["name"]] = made
        return made

    def _stop(self, container: str) -> None:
        grace = self._pod["spec"].get("terminationGracePeriodSeconds", GRACE)
        self._cri.call("StopContainer", container_id=container, timeout=grace)

    def _complete(self, container: str) -> None:
        """Wait for a container's end, which has to be a good one."""
        deadline = time.monotonic() + SECONDS
        while (status := self._cri.call("ContainerStatus", container_id=container)["status"]).get("state") != ENDED:
            assert time.monotonic() < deadline, f"has not ended within {SECONDS:.0f} s: {status}"
            time.sleep(0.02)
        assert status.get("exit_code", 0) == 0, status

    def _until_passed(self, probe: Json | None, container: str) -> None:
        """Probe until it succeeds, as often as it may fail."""
        if not probe:
            return
        command, timeout = probe["exec"]["command"], probe.get("timeoutSeconds", 1)
        for _ in range(probe.get("failureThreshold", 3)):
            next_time = time.monotonic() + probe.get("periodSeconds", 10)
            if not self._cri.call("ExecSync", container_id=container, cmd=command, timeout=timeout).get("exit_code"):
                return
            time.sleep(max(0, next_time - time.monotonic()))
        raise AssertionError(f"never passed: {probe}")
