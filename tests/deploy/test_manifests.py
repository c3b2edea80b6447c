"""The manifests: rendered by kubectl, valid for the oldest and the newest Kubernetes, and as modest as they say."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from conf.settings import parse_settings
from tests.deploy.pod import KUBERNETES, Pod, one, rendered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime import Json

OLDEST, NEWEST = "1.30", "1.37"
DIRECTORIES = [KUBERNETES, KUBERNETES / "uninstall"]


def daemon_set(directory: Path) -> Json:
    """The DaemonSet's specification."""
    found: Json = one(rendered(directory), "DaemonSet")["spec"]
    return found


def validate(text: str, version: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Compare manifests with a version's schemas, in which no unknown key may be."""
    (directory / "rendered.yaml").write_text(text)
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "-k", version, str(directory / "rendered.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: path.name)
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_valid(directory: Path, version: str, tmp_path: Path) -> None:
    objects = rendered(directory)
    done = validate(yaml.safe_dump_all(objects), version, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(" passed ") == len(objects)


def test_validation_finds_a_misspelt_key(tmp_path: Path) -> None:
    text = yaml.safe_dump_all(rendered(KUBERNETES)).replace("minReadySeconds", "minReadySecond")
    assert validate(text, NEWEST, tmp_path).returncode != 0


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: path.name)
def test_least_rights(directory: Path) -> None:
    spec = daemon_set(directory)["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & set(spec) == set()
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["initContainers"] + spec["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert context["capabilities"]["drop"] == ["ALL"]
        assert "privileged" not in context
        assert {"requests", "limits"} <= set(container["resources"])
        if container["name"] != "agent":
            assert "add" not in context["capabilities"]
            assert context["allowPrivilegeEscalation"] is False


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: path.name)
def test_names_agree(directory: Path) -> None:
    """Selectors match, every mount has its volume, and every volume is mounted."""
    found = daemon_set(directory)
    assert found["selector"]["matchLabels"].items() <= found["template"]["metadata"]["labels"].items()
    spec = found["template"]["spec"]
    containers = spec["initContainers"] + spec["containers"]
    mounted = {mount["name"] for each in containers for mount in each.get("volumeMounts", [])}
    assert mounted == {volume["name"] for volume in spec["volumes"]}


def test_an_update_starts_the_new_before_it_ends_the_old() -> None:
    rolling = daemon_set(KUBERNETES)["updateStrategy"]["rollingUpdate"]
    assert rolling["maxUnavailable"] == 0
    assert rolling["maxSurge"]
    assert "--stand-by" in Pod(daemon_set(KUBERNETES)["template"]["spec"]).container("agent")["args"]


def test_both_manifests_agree_about_the_node() -> None:
    """What is installed can be taken away: the same directories, at the same places."""
    places = []
    for directory, name in zip(DIRECTORIES, ("install", "uninstall"), strict=True):
        pod = Pod(daemon_set(directory)["template"]["spec"])
        volumes = {volume["name"]: volume.get("hostPath", {}).get("path") for volume in pod.spec["volumes"]}
        mounts = {each["mountPath"]: volumes[each["name"]] for each in pod.container(name)["volumeMounts"]}
        places.append({place: of for place, of in mounts.items() if place.startswith("/host/")})
    assert places[1] == places[0] | {"/host/run/cni-macvlan-py": "/run/cni-macvlan-py"}
    assert len(places[0]) == 2


def test_settings_are_valid_and_their_change_is_rolled_out() -> None:
    objects = rendered(KUBERNETES)
    settings = one(objects, "ConfigMap")
    parse_settings(settings["data"]["settings.toml"].encode(), "settings.toml")
    volumes = one(objects, "DaemonSet")["spec"]["template"]["spec"]["volumes"]
    assert settings["metadata"]["name"] in {volume.get("configMap", {}).get("name") for volume in volumes}
    assert settings["metadata"]["name"] != "cni-macvlan-py", "it has a hash"
