"""What an API server does with objects for its clients: validation, creation, patches, selection, deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kubernetes_validate

from tests.cluster.discovery import VERSION
from tests.cluster.kinds import DAEMON_SET, NAMESPACE, POD
from tests.cluster.patches import JSON_MERGE, STRATEGIC, merged
from tests.cluster.refusals import Refusal, invalid
from tests.cluster.store import now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cluster.kinds import Kind
    from tests.cluster.store import Event, Store
    from tests.runtime import Json

# What others than the API server end before they are gone: pods the kubelet, namespaces their controller.
ENDED_BY_OTHERS = (NAMESPACE, POD)


class Api:
    """The verbs of the API on a store; every one raises Refusal."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, kind: Kind, namespace: str, made: Json) -> Json:
        """POST."""
        if kind.namespaced:
            made["metadata"]["namespace"] = namespace
            if "deletionTimestamp" in self.store.get(NAMESPACE, "", namespace)["metadata"]:
                raise Refusal(403, "Forbidden", f"namespace {namespace} is being terminated")
        return self.store.create(kind, self._valid(kind, made))

    def patch(self, kind: Kind, namespace: str, name: str, patch: Json, content_type: str) -> Json:
        """PATCH."""
        if content_type not in {JSON_MERGE, STRATEGIC}:
            raise Refusal(415, "UnsupportedMediaType", f"{content_type} is not served by this stand-in")
        strategic = content_type == STRATEGIC
        return self.store.change(
            kind, namespace, name, lambda former: self._valid(kind, merged(former, patch, strategic=strategic))
        )

    def delete(self, kind: Kind, namespace: str, name: str) -> Json:
        """DELETE: the object, or how it is while it goes."""
        if kind in ENDED_BY_OTHERS:
            return self.store.change(kind, namespace, name, _terminating)
        return self.store.remove(kind, namespace, name)

    def list(self, kind: Kind, namespace: str, query: Mapping[str, str]) -> Json:
        """GET of a collection."""
        version = str(self.store.version)
        items = [each for each in self.store.list(kind, namespace) if selected(each, query)]
        return {
            "kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": {"resourceVersion": version},
            "items": items,
        }  # fmt: skip

    def watch(self, kind: Kind, namespace: str, query: Mapping[str, str]) -> Iterator[Json]:
        """GET of a collection with ``watch``: what is there, if that is asked for, and what happens from then on."""
        since = int(query.get("resourceVersion") or 0)
        if query.get("sendInitialEvents") == "true":
            there = self.list(kind, namespace, query)
            since = int(there["metadata"]["resourceVersion"])
            yield from ({"type": "ADDED", "object": each} for each in there["items"])
            yield {"type": "BOOKMARK", "object": _bookmark(kind, since)}
        for event in self.store.events(since):
            if _concerns(event, kind, namespace) and selected(event.object, query):
                yield {"type": event.what, "object": event.object}

    @staticmethod
    def _valid(kind: Kind, made: Json) -> Json:
        """The object with what is set for it by default, if its schema of Kubernetes allows it and all of its keys."""
        if kind.built_in:
            try:
                kubernetes_validate.validate(made, VERSION, strict=True)
            except kubernetes_validate.ValidationError as wrong:
                raise invalid(f"{kind.name}: {wrong.message}") from wrong
        elif not isinstance(made.get("spec", {}).get("config"), str):
            raise invalid(f"{kind.name}: spec.config: must be a string")
        if kind == DAEMON_SET:
            made["spec"].setdefault("updateStrategy", {}).setdefault("type", "RollingUpdate")
        return made


def selected(made: Json, query: Mapping[str, str]) -> bool:
    """Whether an object is what field and label selectors of the form KEY=VALUE ask for."""
    metadata = made["metadata"]
    fields = {f"metadata.{key}": metadata.get(key) for key in ("name", "namespace")}
    return _has(fields, query.get("fieldSelector", "")) and _has(
        metadata.get("labels", {}), query.get("labelSelector", "")
    )


def _has(values: Mapping[str, object], selector: str) -> bool:
    pairs = [term.split("=", 1) for term in selector.replace("==", "=").split(",") if term]
    return all(values.get(key) == value for key, value in pairs)


def _concerns(event: Event, kind: Kind, namespace: str) -> bool:
    return event.kind == kind and namespace in {"", event.object["metadata"].get("namespace", "")}


def _terminating(made: Json) -> Json:
    made["metadata"].setdefault("deletionTimestamp", now())
    return made


def _bookmark(kind: Kind, version: int) -> Json:
    """What tells a watcher that it has seen what was there."""
    metadata = {"resourceVersion": str(version), "annotations": {"k8s.io/initial-events-end": "true"}}
    return {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
