"""The agent's protocol from the caller's side, written from docs/agent-protocol.md and not from the client's code.

A call by it costs no process, and it can do wrong what the door does right.
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.ways import Done

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAGIC = b"CMV1"
REQUEST, OLD_REQUEST = b"CMV2", b"CMV1"
DELIVERED = b"\x06"
HELLO = struct.Struct("!4sII")
ANSWER = struct.Struct("!4sII")
SECONDS = 60.0
OWN_NET, OWN_MOUNT, OWN_ROOT = "/proc/self/ns/net", "/proc/self/ns/mnt", "/"
OWN = (OWN_NET, OWN_MOUNT, OWN_ROOT)


class NoAnswer(Exception):
    """The agent closed the connection without an answer."""


def frame(*fields: bytes) -> bytes:
    """Each field behind its length."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def body(variables: dict[str, str], stdin: str = "", executable: str = "/opt/cni/bin/macvlan") -> bytes:
    """A request without magic and length."""
    pairs = [f"{name}={value}".encode(errors="surrogateescape") for name, value in variables.items()]
    return (
        len(pairs).to_bytes(4, "big")
        + frame(*pairs)
        + frame(executable.encode(), stdin.encode(errors="surrogateescape"))
    )


def request(variables: dict[str, str], stdin: str = "", executable: str = "/opt/cni/bin/macvlan") -> bytes:
    """A complete request."""
    return REQUEST + frame(body(variables, stdin, executable))


VERSION = request({"CNI_COMMAND": "VERSION"}, '{"cniVersion": "1.0.0"}')


def open_namespaces(*paths: str | Path) -> list[int]:
    """Descriptors of what is at the paths."""
    return [os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK) for path in paths]


class Conversation:
    """One connection; a context manager."""

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.settimeout(seconds)
        try:
            self.socket.connect(str(path))
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send all of it, the descriptors with the first byte."""
        sent = socket.send_fds(self.socket, [data], list(descriptors)) if descriptors else self.socket.send(data)
        while sent < len(data):
            sent += self.socket.send(data[sent:])

    def receive(self, size: int) -> bytes:
        """So many bytes. Raises NoAnswer."""
        data = b""
        while len(data) < size:
            try:
                chunk = self.socket.recv(size - len(data))
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise NoAnswer
            data += chunk
        return data

    def ask(self, data: bytes, descriptors: Sequence[int] | None = None) -> None:
        """Send a call, from where this process stands unless told otherwise."""
        if descriptors is not None:
            self.send(data, descriptors)
            return
        opened = open_namespaces(*OWN)
        self.send(data, opened)
        for descriptor in opened:
            os.close(descriptor)

    def answer(self, *, acknowledge: bool = True) -> tuple[int, str]:
        """Exit status and stdout. Raises NoAnswer."""
        magic, version, milliseconds = HELLO.unpack(self.receive(HELLO.size))
        assert (magic, version) == (MAGIC, 1)
        assert milliseconds > 0
        return self.result(acknowledge=acknowledge)

    def result(self, *, acknowledge: bool = True) -> tuple[int, str]:
        """As ``answer``, where the hello was read already."""
        magic, status, size = ANSWER.unpack(self.receive(ANSWER.size))
        assert magic == MAGIC
        text = self.receive(size).decode()
        if acknowledge:
            self.acknowledge()
        return status, text

    def acknowledge(self) -> None:
        """Say that the answer has been passed on; for anything but an ADD's result nobody waits for that."""
        with suppress(BrokenPipeError):
            self.socket.send(DELIVERED)

    def turned_away(self) -> bytes:
        """What the agent sends before it closes the connection."""
        received = b""
        with suppress(ConnectionResetError):
            while chunk := self.socket.recv(1 << 16):
                received += chunk
        return received


def version(path: Path) -> str:
    """What VERSION answers."""
    with Conversation(path) as conversation:
        conversation.ask(VERSION)
        status, text = conversation.answer()
    assert status == 0
    return text


@dataclass(frozen=True)
class Spoken:
    """A way to call the plugin without a process: a client in this one, that says it stands in the node.

    ``mount`` and ``root`` are where its mount namespace and its root directory are to be found.
    """

    agent: Path
    mount: Path | str = OWN_MOUNT
    root: Path | str = OWN_ROOT

    def call(self, executable: Path, node: Path, environment: dict[str, str], stdin: str, directory: Path) -> Done:
        """Have the agent serve the call; a runtime would see the door exit with 1 where NoAnswer is raised."""
        del directory
        with ExitStack() as stack:
            opened = open_namespaces(node, self.mount, self.root)
            netns = environment.get("CNI_NETNS")
            if netns and os.path.exists(netns):  # noqa: PTH110 - a path that a runtime gives as text
                opened += open_namespaces(netns)
            for descriptor in opened:
                stack.callback(os.close, descriptor)
            conversation = stack.enter_context(Conversation(self.agent))
            conversation.ask(request(environment, stdin, str(executable)), opened)
            return Done(*conversation.answer(), stderr="")
