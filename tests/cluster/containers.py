"""A container of a pod's specification as the CRI's messages describe it; what is unknown here is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.runtime import Json

RUNTIME_DEFAULT, UNCONFINED = 0, 1
CONTAINER = 1
PROPAGATIONS = {"None": 0, "HostToContainer": 1, "Bidirectional": 2}
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
# What a kubelet has runtimes hide from containers that are not privileged, and protect from them.
MASKED = ("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware")  # fmt: skip
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
# Of AppArmor, SELinux and the scheduling of resources there is nothing on the node.
WITHOUT_EFFECT = {"appArmorProfile", "seLinuxOptions"}


def container_config(pod: Json, container: Json, volumes: Mapping[str, str]) -> Json:
    """The ContainerConfig; ``volumes`` says where on the node each volume is."""
    mounts = [
        {
            "container_path": mount["mountPath"],
            "host_path": volumes[mount["name"]],
            "readonly": mount.get("readOnly", False),
            "propagation": PROPAGATIONS[mount.get("mountPropagation", "None")],
        }
        for mount in container.get("volumeMounts", [])
    ]
    asked = pod["spec"].get("securityContext", {}) | container.get("securityContext", {})
    limit = container.get("resources", {}).get("limits", {}).get("memory")
    return {
        "metadata": {"name": container["name"]},
        "image": {"image": container["image"]},
        "command": container.get("command", []),
        "args": container.get("args", []),
        "mounts": mounts,
        "log_path": f"{container['name']}.log",
        "linux": {
            "resources": {"memory_limit_in_bytes": limit_in_bytes(limit)} if limit else {},
            "security_context": _security(asked),
        },
    }


def _security(asked: Json) -> Json:
    asked = {key: value for key, value in asked.items() if key not in WITHOUT_EFFECT}
    capabilities = asked.pop("capabilities", {})
    context = {
        "capabilities": {f"{verb}_capabilities": capabilities.get(verb, []) for verb in ("add", "drop")},
        "namespace_options": {"pid": CONTAINER},
        "readonly_rootfs": asked.pop("readOnlyRootFilesystem", False),
        "no_new_privs": not asked.pop("allowPrivilegeEscalation", True),
        "masked_paths": MASKED,
        "readonly_paths": READ_ONLY,
        "seccomp": seccomp(asked.pop("seccompProfile", {})),
    }
    for key, name in (("runAsUser", "run_as_user"), ("runAsGroup", "run_as_group")):
        if key in asked:
            context[name] = {"value": asked.pop(key)}
    assert asked == {}, f"unknown here: {asked}"
    return context


def seccomp(profile: Json) -> Json:
    """A pod that asks for no profile gets none."""
    kinds = {"RuntimeDefault": RUNTIME_DEFAULT, "Unconfined": UNCONFINED}
    return {"profile_type": kinds[profile.get("type", "Unconfined")]}


def limit_in_bytes(quantity: str) -> int:
    """A quantity such as 256Mi."""
    return int(quantity[:-2]) * UNITS[quantity[-2:]]
