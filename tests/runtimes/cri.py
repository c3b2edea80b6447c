"""The few calls of the Container Runtime Interface by which a kubelet has pods made, as gRPC over containerd's socket.

The messages are a subset of ``runtime.v1`` of k8s.io/cri-api (``api.proto``): names and numbers of fields are those of
the published file, and what a server sends beyond them is skipped, as protobuf promises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass

from tests.machine import SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.runtime import Json

PACKAGE: Final = "runtime.v1"
# Message: field: (number, type): a scalar's, or the name of a message; in brackets if it is repeated.
MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "PodSandboxMetadata": {
        "name": (1, "string"), "uid": (2, "string"), "namespace": (3, "string"), "attempt": (4, "uint32"),
    },
    # 0 is the pod, 1 the container, 2 the node.
    "NamespaceOption": {"network": (1, "int32"), "pid": (2, "int32"), "ipc": (3, "int32")},
    # 0 is the runtime's own, 1 none.
    "SecurityProfile": {"profile_type": (1, "int32")},
    "LinuxSandboxSecurityContext": {"namespace_options": (1, "NamespaceOption"), "seccomp": (9, "SecurityProfile")},
    "LinuxPodSandboxConfig": {"cgroup_parent": (1, "string"), "security_context": (2, "LinuxSandboxSecurityContext")},
    "PodSandboxConfig": {
        "metadata": (1, "PodSandboxMetadata"), "hostname": (2, "string"), "log_directory": (3, "string"),
        "linux": (8, "LinuxPodSandboxConfig"),
    },
    "RunPodSandboxRequest": {"config": (1, "PodSandboxConfig")},
    "RunPodSandboxResponse": {"pod_sandbox_id": (1, "string")},
    "StopPodSandboxRequest": {"pod_sandbox_id": (1, "string")},
    "StopPodSandboxResponse": {},
    "RemovePodSandboxRequest": {"pod_sandbox_id": (1, "string")},
    "RemovePodSandboxResponse": {},
    "ListPodSandboxRequest": {},
    "ListPodSandboxResponse": {},
    "PodSandboxNetworkStatus": {"ip": (1, "string")},
    # State 1 is that it is not ready.
    "PodSandboxStatus": {"id": (1, "string"), "state": (3, "int32"), "network": (5, "PodSandboxNetworkStatus")},
    "PodSandboxStatusRequest": {"pod_sandbox_id": (1, "string"), "verbose": (2, "bool")},
    # On the wire a map is this.
    "Info": {"key": (1, "string"), "value": (2, "string")},
    "PodSandboxStatusResponse": {"status": (1, "PodSandboxStatus"), "info": (2, "[Info]")},
    "ContainerMetadata": {"name": (1, "string"), "attempt": (2, "uint32")},
    "ImageSpec": {"image": (1, "string")},
    "Mount": {"container_path": (1, "string"), "host_path": (2, "string"), "readonly": (3, "bool"),
              "propagation": (5, "int32")},
    "LinuxContainerResources": {"memory_limit_in_bytes": (4, "int64")},
    "Capability": {"add_capabilities": (1, "[string]"), "drop_capabilities": (2, "[string]")},
    "Int64Value": {"value": (1, "int64")},
    "LinuxContainerSecurityContext": {
        "capabilities": (1, "Capability"), "namespace_options": (3, "NamespaceOption"),
        "run_as_user": (5, "Int64Value"), "run_as_group": (12, "Int64Value"), "readonly_rootfs": (7, "bool"),
        "no_new_privs": (11, "bool"), "masked_paths": (13, "[string]"), "readonly_paths": (14, "[string]"),
        "seccomp": (15, "SecurityProfile"),
    },
    "LinuxContainerConfig": {
        "resources": (1, "LinuxContainerResources"), "security_context": (2, "LinuxContainerSecurityContext"),
    },
    "ContainerConfig": {
        "metadata": (1, "ContainerMetadata"), "image": (2, "ImageSpec"), "command": (3, "[string]"),
        "args": (4, "[string]"), "mounts": (7, "[Mount]"), "log_path": (11, "string"),
        "linux": (15, "LinuxContainerConfig"),
    },
    "CreateContainerRequest": {
        "pod_sandbox_id": (1, "string"), "config": (2, "ContainerConfig"), "sandbox_config": (3, "PodSandboxConfig"),
    },
    "CreateContainerResponse": {"container_id": (1, "string")},
    "StartContainerRequest": {"container_id": (1, "string")},
    "StartContainerResponse": {},
    "StopContainerRequest": {"container_id": (1, "string"), "timeout": (2, "int64")},
    "StopContainerResponse": {},
    # State 2 is that it has ended.
    "ContainerStatus": {"state": (3, "int32"), "exit_code": (7, "int32")},
    "ContainerStatusRequest": {"container_id": (1, "string")},
    "ContainerStatusResponse": {"status": (1, "ContainerStatus")},
    "ExecSyncRequest": {"container_id": (1, "string"), "cmd": (2, "[string]"), "timeout": (3, "int64")},
    "ExecSyncResponse": {"stdout": (1, "bytes"), "stderr": (2, "bytes"), "exit_code": (3, "int32")},
}  # fmt: skip


def messages() -> dict[str, type[Message]]:
    """A class for each message."""
    file = FileDescriptorProto(name="api.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, written) in fields.items():
            label = FieldDescriptorProto.LABEL_REPEATED if "[" in written else FieldDescriptorProto.LABEL_OPTIONAL
            added = described.field.add(name=field, number=number, label=label)
            kind = written.strip("[]")
            if kind in MESSAGES:
                added.type, added.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            else:
                added.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    pool = DescriptorPool()
    pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in MESSAGES}


class Refused(Exception):
    """The runtime's error, in its words."""


class Unreachable(Exception):
    """Nobody answered: the runtime is not there, or the connection was still to one that has ended."""


class Cri:
    """A connection to a runtime's socket; requests and responses are dictionaries."""

    def __init__(self, socket: Path) -> None:
        # Go's server refuses the path of a socket as the authority, which is the default here.
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=[("grpc.default_authority", "localhost")])
        self._messages = messages()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def call(self, method: str, **fields: object) -> Json:
        """Call a method of the RuntimeService; raises Refused."""
        ask = self._channel.unary_unary(
            f"/{PACKAGE}.RuntimeService/{method}",
            request_serializer=self._messages[f"{method}Request"].SerializeToString,
            response_deserializer=self._messages[f"{method}Response"].FromString,
        )
        request = ParseDict(fields, self._messages[f"{method}Request"]())
        try:
            # After a restart of the runtime the channel finds its new socket.
            answer = ask(request, timeout=SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            failure = Unreachable if error.code() is grpc.StatusCode.UNAVAILABLE else Refused
            raise failure(error.details()) from error
        return dict(MessageToDict(answer, preserving_proto_field_name=True))
