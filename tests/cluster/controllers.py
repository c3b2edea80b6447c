"""The controllers of the cluster: DaemonSets have their pod on the only node, namespaces take their objects along."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.cluster.kinds import DAEMON_SET, KINDS, NAMESPACE, POD
from tests.cluster.refusals import Refusal

if TYPE_CHECKING:
    from tests.cluster.api import Api
    from tests.runtime import Json

REVISION = "controller-revision-hash"
# A pod becomes available by time alone, which nobody announces.
SECONDS = 0.2
# Clients and the kubelet go on meanwhile: an object has gone, a namespace has begun to. The next turn sees it.
OVERTAKEN = (403, 404)


class Controllers:
    """Have the store become what it says that it should be."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store = api.store

    def serve(self) -> None:
        """Reconcile whatever changes, until the end of the store."""
        while True:
            version = self._store.version
            try:
                self._reconcile()
            except Refusal as refusal:
                if refusal.code not in OVERTAKEN:
                    raise
            if not self._store.wait(version, SECONDS):
                return

    def _reconcile(self) -> None:
        for namespace in self._store.list(NAMESPACE):
            if _is_terminating(namespace):
                self._empty(namespace["metadata"]["name"])
        daemon_sets = self._store.list(DAEMON_SET)
        self._remove_orphans({each["metadata"]["uid"] for each in daemon_sets})
        for each in daemon_sets:
            self._roll_out(each)

    def _empty(self, namespace: str) -> None:
        """Delete everything in a terminating namespace, and then itself."""
        for kind in (DAEMON_SET, POD, *KINDS):
            for each in self._store.list(kind, namespace) if kind.namespaced else []:
                self._api.delete(kind, namespace, each["metadata"]["name"])
        if not any(self._store.list(kind, namespace) for kind in KINDS if kind.namespaced):
            self._store.remove(NAMESPACE, "", namespace)

    def _remove_orphans(self, owners: set[str]) -> None:
        for pod in self._store.list(POD):
            if _owner(pod) and _owner(pod) not in owners:
                self._api.delete(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _roll_out(self, daemon_set: Json) -> None:
        """One step: a new pod beside the old one if it may surge, after it if not."""
        revision = _revision(daemon_set)
        pods = [pod for pod in self._store.list(POD) if _owner(pod) == daemon_set["metadata"]["uid"]]
        running = [pod for pod in pods if not _is_terminating(pod)]
        new = [pod for pod in running if pod["metadata"]["labels"][REVISION] == revision]
        old = [pod for pod in running if pod not in new]
        rolling = daemon_set["spec"].get("updateStrategy", {}).get("rollingUpdate", {})
        available = [pod for pod in new if _is_available(pod, daemon_set["spec"].get("minReadySeconds", 0))]
        if not new and (rolling.get("maxSurge") or not pods):
            self._create_pod(daemon_set, revision)
        if available or not (new or rolling.get("maxSurge")):
            for pod in old:
                self._api.delete(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])
        self._tell(daemon_set, running, new, available)

    def _create_pod(self, daemon_set: Json, revision: str) -> None:
        metadata, template = daemon_set["metadata"], daemon_set["spec"]["template"]
        owner = {"apiVersion": DAEMON_SET.api_version, "kind": DAEMON_SET.name, "controller": True}
        owner |= {key: metadata[key] for key in ("name", "uid")}
        made = {
            "name": f"{metadata['name']}-{secrets.token_hex(3)}",
            "labels": {**template["metadata"]["labels"], REVISION: revision},
            "ownerReferences": [owner],
        }
        pod = {"apiVersion": POD.api_version, "kind": POD.name, "metadata": made, "spec": template["spec"]}
        self._api.create(POD, metadata["namespace"], pod)

    def _tell(self, daemon_set: Json, running: list[Json], new: list[Json], available: list[Json]) -> None:
        metadata = daemon_set["metadata"]
        status = {
            "observedGeneration": metadata["generation"],
            "desiredNumberScheduled": 1,
            "currentNumberScheduled": min(1, len(running)),
            "updatedNumberScheduled": len(new),
            "numberMisscheduled": 0,
            "numberReady": min(1, len([pod for pod in running if _ready_since(pod)])),
            "numberAvailable": len(available),
        }
        self._store.change(DAEMON_SET, metadata["namespace"], metadata["name"], lambda made: {**made, "status": status})


def _owner(pod: Json) -> str:
    owners = pod["metadata"].get("ownerReferences", [])
    return owners[0]["uid"] if owners else ""


def _is_terminating(made: Json) -> bool:
    return "deletionTimestamp" in made["metadata"]


def _revision(daemon_set: Json) -> str:
    template = json.dumps(daemon_set["spec"]["template"], sort_keys=True)
    return hashlib.sha256(template.encode()).hexdigest()[:10]


def _ready_since(pod: Json) -> datetime | None:
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return datetime.fromisoformat(condition["lastTransitionTime"])
    return None


def _is_available(pod: Json, seconds: int) -> bool:
    since = _ready_since(pod)
    return since is not None and (datetime.now(UTC) - since).total_seconds() >= seconds
