"""What the API server tells of itself: which kinds it has, and that it compares objects with their schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.kinds import KINDS

if TYPE_CHECKING:
    from tests.cluster.kinds import Kind
    from tests.runtime import Json

VERSION = "1.37"
VERBS = ["create", "delete", "get", "list", "patch", "watch"]
CONTENT_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def documents() -> dict[str, Json]:
    """The documents by their paths."""
    major, minor = VERSION.split(".")
    found: dict[str, Json] = {
        "/version": {"major": major, "minor": minor, "gitVersion": f"v{VERSION}.0", "platform": "linux/amd64"},
        "/api": _groups([""]),
        "/apis": _groups(sorted({kind.group for kind in KINDS} - {""})),
        "/openapi/v3": {"paths": {kind.root: {"serverRelativeURL": f"/openapi/v3/{kind.root}"} for kind in KINDS}},
    }
    return found | {f"/openapi/v3/{kind.root}": _operations(kind.root) for kind in KINDS}


def _groups(groups: list[str]) -> Json:
    """All kinds of groups; here each group has one version."""
    items = []
    for group in groups:
        kinds = [kind for kind in KINDS if kind.group == group]
        versions = [{"version": kinds[0].version, "freshness": "Current", "resources": [_resource(k) for k in kinds]}]
        items.append({"metadata": {"name": group}, "versions": versions})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _resource(kind: Kind) -> Json:
    return {
        "resource": kind.plural,
        "responseKind": _kind(kind),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.name.lower(),
        "shortNames": list(kind.short),
        "verbs": VERBS,
    }


def _operations(root: str) -> Json:
    """The least that has kubectl leave the validation of objects to the server."""
    parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
    paths = {
        f"/{root}/{kind.plural}/{{name}}": {
            "patch": {"parameters": parameters, "x-kubernetes-group-version-kind": _kind(kind)}
        }
        for kind in KINDS
        if kind.root == root
    }
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": f"v{VERSION}.0"}, "paths": paths}


def _kind(kind: Kind) -> Json:
    return {"group": kind.group, "version": kind.version, "kind": kind.name}
