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

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.runtime import Json

PACKAGE: Final = "runtime.v1"
SECONDS: Final = 60.0
# Message: field: (number, "string", "uint32" or the name of a message).
MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "PodSandboxMetadata": {
        "name": (1, "string"), "uid": (2, "string"), "namespace": (3, "string"), "attempt": (4, "uint32"),
    },
    "LinuxPodSandboxConfig": {"cgroup_parent": (1, "string")},
    "PodSandboxConfig": {
        "metadata": (1, "PodSandboxMetadata"), "hostname": (2, "string"), "linux": (8, "LinuxPodSandboxConfig"),
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
    "PodSandboxStatus": {"id": (1, "string"), "network": (5, "PodSandboxNetworkStatus")},
    "PodSandboxStatusRequest": {"pod_sandbox_id": (1, "string")},
    "PodSandboxStatusResponse": {"status": (1, "PodSandboxStatus")},
}  # fmt: skip


def messages() -> dict[str, type[Message]]:
    """A class for each message."""
    file = FileDescriptorProto(name="api.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            added = described.field.add(name=field, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            if kind in MESSAGES:
                added.type, added.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            else:
                added.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    pool = DescriptorPool()
    pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in MESSAGES}


class Refused(Exception):
    """The runtime's error, in its words."""


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
            raise Refused(error.details()) from error
        return dict(MessageToDict(answer, preserving_proto_field_name=True))
