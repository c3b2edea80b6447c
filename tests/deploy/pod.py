"""The pods of the manifests: what is tested is what is deployed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.deploy.images import TREE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime import Json

KUBERNETES = TREE / "deploy/kubernetes"


def rendered(directory: Path) -> list[Json]:
    """The objects that `kubectl apply -k` would send."""
    command = ["kubectl", "kustomize", str(directory)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200).stdout
    return list(yaml.safe_load_all(text))


def one(objects: list[Json], kind: str) -> Any:  # noqa: ANN401 - any JSON
    """The only object of a kind."""
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


@dataclass(frozen=True)
class Pod:
    """The pod that a DaemonSet puts on a node."""

    spec: Json

    def container(self, name: str) -> Json:
        """A container or init container."""
        containers: list[Json] = self.spec["initContainers"] + self.spec["containers"]
        (found,) = [each for each in containers if each["name"] == name]
        return found
