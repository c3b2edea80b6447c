"""The pods of the manifests, as podman's options: what is tested is what is deployed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.deploy.images import TREE

if TYPE_CHECKING:
    from tests.runtime import Json

KUBERNETES = TREE / "deploy/kubernetes"
CONFIG = Path("/root/config")


def rendered(directory: Path) -> list[Json]:
    """The objects that `kubectl apply -k` would send."""
    command = ["kubectl", "kustomize", str(directory)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
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

    def command(self, name: str) -> list[str]:
        """What follows the image on podman's command line."""
        return [str(word) for word in self.container(name).get("args", [])]

    def probe(self, kind: str, name: str = "agent") -> list[str]:
        """The command of a probe."""
        command: list[str] = self.container(name)[f"{kind}Probe"]["exec"]["command"]
        return command

    def options(self, name: str) -> list[str]:
        """How podman has to run a container of it; every key that narrows or widens its rights is known here."""
        context = dict(self.container(name)["securityContext"])
        capabilities = context.pop("capabilities")
        options = [f"--cap-drop={each}" for each in capabilities["drop"]]
        options += [f"--cap-add={each}" for each in capabilities.get("add", [])]
        if context.pop("readOnlyRootFilesystem", False):
            options += ["--read-only", "--read-only-tmpfs=false"]
        if context.pop("allowPrivilegeEscalation", True) is False:
            options.append("--security-opt=no-new-privileges")
        assert context == {}, f"unknown here: {context}"
        options.append(f"--memory={self.container(name)['resources']['limits']['memory'].removesuffix('i')}")
        return [*options, "--user=0:0", *self._mounts(name)]

    def _mounts(self, name: str) -> list[str]:
        places = {volume["name"]: volume for volume in self.spec["volumes"]}
        mounts = []
        for mount in self.container(name)["volumeMounts"]:
            volume = places[mount["name"]]
            source = volume["hostPath"]["path"] if "hostPath" in volume else CONFIG
            mounts.append(f"--volume={source}:{mount['mountPath']}{':ro' if mount.get('readOnly') else ''}")
        return mounts
