"""The agent's side of its socket: bytes and descriptors → one call, and the answer's bytes (docs/agent-protocol.md)."""

from __future__ import annotations

import math
import os
import struct
import time
from dataclasses import dataclass, field
from typing import Self

from plugin.client import GREETING, MAGIC, PROTOCOL, REQUEST
from plugin.stdin import MAX_STDIN

NUMBER = struct.Struct("!I")
HEADER = struct.Struct("!4sI")
MAX_REQUEST = MAX_STDIN + (1 << 20)  # stdin, and what surrounds it
SURROUNDINGS = {b"CMV1": 2, REQUEST: 3}  # descriptors: network and mount namespace, root directory
MAX_DESCRIPTORS = 4  # and the container's namespace


class MalformedRequest(Exception):
    """What came is not a request; its sender gets no answer."""


@dataclass
class Call:
    """One call as it came over the socket, at that time of the monotonic clock; it owns its descriptors.

    ``surroundings`` is how many of them say where the caller stands; another is the container's namespace.
    """

    variables: dict[str, str]
    executable: str
    stdin: bytes
    descriptors: list[int]
    surroundings: int
    arrived: float = field(default_factory=time.monotonic)

    @property
    def command(self) -> str:
        """The verb that is asked for, as it was sent."""
        return self.variables.get("CNI_COMMAND", "")

    @property
    def network_namespace(self) -> int:
        """Descriptor of the namespace that the caller stands in."""
        return self.descriptors[0]

    @property
    def mount_namespace(self) -> int:
        """Descriptor of the mount namespace that the caller stands in."""
        return self.descriptors[1]

    @property
    def root(self) -> int | None:
        """Descriptor of the caller's root directory; None: that of its mount namespace."""
        return self.descriptors[2] if self.surroundings == SURROUNDINGS[REQUEST] else None

    def take_container(self) -> int | None:
        """The container's namespace, for the taker to close; None if taken, or if the caller could not open it."""
        return self.descriptors.pop() if len(self.descriptors) > self.surroundings else None

    def close(self) -> None:
        """Close what is left of the descriptors."""
        while self.descriptors:
            os.close(self.descriptors.pop())

    def __enter__(self) -> Self:
        """Hold the descriptors for the length of a block, or until ``close``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self.close()


def hello(limit_seconds: float) -> bytes:
    """What a client is sent at once: that we are the agent, how long it may have to wait, and what we understand.

    Clients of protocol 1 compare everything but the time: whole seconds, to which the newest protocol is added.
    """
    return GREETING + NUMBER.pack(math.ceil(limit_seconds) * 1000 + PROTOCOL)


def answer(status: int, text: bytes) -> bytes:
    """An exit status and what goes to stdout."""
    return HEADER.pack(MAGIC, status) + NUMBER.pack(len(text)) + text


def announced_bytes(received: bytearray) -> int:
    """How many bytes the request is to have in all, as far as it says so by now."""
    return HEADER.size + int(HEADER.unpack_from(received)[1]) if len(received) >= HEADER.size else 0


def missing_bytes(received: bytearray) -> int:
    """How many bytes of the request are still to come; raises MalformedRequest as soon as it cannot be one."""
    if not any(magic.startswith(received[:4]) for magic in SURROUNDINGS):
        raise MalformedRequest("wrong magic")
    if len(received) < HEADER.size:
        return HEADER.size - len(received)
    size = HEADER.unpack_from(received)[1]
    if size > MAX_REQUEST:
        raise MalformedRequest(f"{size} bytes announced")
    left: int = HEADER.size + size - len(received)
    if left < 0:
        raise MalformedRequest("more than one request")
    return left


def require_sane(data: bytes, descriptors: list[int], *, truncated: bool) -> None:
    """Raise MalformedRequest where a client hung up in the middle, or sent more descriptors than a call has."""
    if not data:
        raise MalformedRequest("it broke off")
    if truncated or len(descriptors) > MAX_DESCRIPTORS:
        raise MalformedRequest("too many descriptors")


def read_call(received: bytearray, descriptors: list[int]) -> Call:
    """A complete request as a call. Raises MalformedRequest; the descriptors are then the caller's to close."""
    surroundings = SURROUNDINGS[bytes(received[:4])]
    if not surroundings <= len(descriptors) <= surroundings + 1:
        raise MalformedRequest(f"{len(descriptors)} descriptors")
    view = memoryview(received)
    offset = HEADER.size

    def number() -> int:
        nonlocal offset
        if offset + NUMBER.size > len(view):
            raise MalformedRequest("it ends early")
        value: int = NUMBER.unpack_from(view, offset)[0]
        offset += NUMBER.size
        return value

    def field() -> bytes:
        nonlocal offset
        size = number()
        if offset + size > len(view):
            raise MalformedRequest("it ends early")
        value = bytes(view[offset : offset + size])
        offset += size
        return value

    variables = {}
    for _ in range(number()):
        name, _, value = os.fsdecode(field()).partition("=")
        variables[name] = value
    executable = os.fsdecode(field())
    stdin = field()
    if offset != len(view):
        raise MalformedRequest("there is more behind it")
    return Call(variables, executable, stdin, descriptors, surroundings)
