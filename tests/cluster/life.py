"""The life of one pod of a cluster, as a kubelet has it: sandbox, networks, containers one by one, and the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.kinds import CONFIG_MAP, POD
from tests.cluster.store import now

if TYPE_CHECKING:
    from contextlib import ExitStack

    from tests.cluster.instance import Instance
    from tests.cluster.multus import Multus
    from tests.cluster.store import Store
    from tests.runtime import Json

SECONDS = 60.0


class Life:
    """One pod's, which is told to the store."""

    def __init__(self, instance: Instance, store: Store) -> None:
        self.instance = instance
        self._store = store
        self._place = (POD, instance.pod["metadata"]["namespace"], instance.pod["metadata"]["name"])

    def begin(self, multus: Multus, undo: ExitStack) -> None:
        """Start everything, until the pod is ready or has done its work; raises Refused, Refusal or AssertionError."""
        pod, instance = self.instance.pod, self.instance
        sandbox = instance.run_sandbox()
        undo.callback(instance.remove)
        undo.callback(multus.detach, pod, sandbox)
        self._annotate(multus.attach(pod, sandbox))
        instance.make_volumes(lambda name: self._store.get(CONFIG_MAP, pod["metadata"]["namespace"], name))
        for container in pod["spec"].get("initContainers", []):
            instance.complete(container)
        if pod["spec"].get("restartPolicy") == "Never":
            for container in pod["spec"]["containers"]:
                instance.complete(container)
            self.tell(phase="Succeeded")
        else:
            for container in pod["spec"]["containers"]:
                instance.run(container)
                undo.callback(instance.stop, container["name"])
                for kind in ("startupProbe", "readinessProbe"):
                    instance.until_passed(container, kind)
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": now()}
            self.tell(phase="Running", podIP=sandbox.address, conditions=[ready])

    def tell(self, **status: object) -> None:
        """Say how it is."""
        self._store.change(*self._place, lambda pod: {**pod, "status": status})

    def until_terminating(self) -> bool:
        """Wait for the pod's deletion; False if the cluster ended before."""
        while True:
            version = self._store.version
            if "deletionTimestamp" in self._store.get(*self._place)["metadata"]:
                return True
            if not self._store.wait(version, SECONDS):
                return False

    def end(self) -> None:
        """Let it be forgotten."""
        self._store.remove(*self._place)

    def _annotate(self, annotations: dict[str, str]) -> None:
        def annotated(pod: Json) -> Json:
            pod["metadata"].setdefault("annotations", {}).update(annotations)
            return pod

        self._store.change(*self._place, annotated)
