"""An agent that does what a test says, well or badly, and remembers what the launcher sent."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

MAGIC = 0x434D5631
REQUEST, OLDER_REQUEST = 0x434D5632, 0x434D5631
PROTOCOL = 1
A_MINUTE = 60_002  # from an agent that knows protocol 2
A_MINUTE_OF_OLD = 60_000
WRITTEN = b"\x06"
RESULT = b'{"cniVersion": "1.1.0", "ips": []}'

Identity = tuple[int, int]  # st_dev and st_ino, which tell one namespace from another


@dataclass(frozen=True)
class Request:
    """What one launcher sent."""

    environment: list[bytes]
    called_as: bytes
    stdin: bytes
    descriptors: list[Identity]
    expected: list[Identity]  # the sender's own network and mount namespace and root, as /proc shows them


def hello(limit: int = A_MINUTE, *, magic: int = MAGIC, protocol: int = PROTOCOL) -> bytes:
    """The greeting; ``limit`` in milliseconds."""
    return struct.pack("!III", magic, protocol, limit)


def answer(body: bytes = RESULT, status: int = 0, *, magic: int = MAGIC, size: int | None = None) -> bytes:
    """An answer; ``size`` may lie."""
    return struct.pack("!III", magic, status, len(body) if size is None else size) + body


def identity(path: str | Path) -> Identity:
    """Which namespace a path stands for."""
    found = os.stat(path)  # noqa: PTH116 - also of descriptors' paths below /proc
    return found.st_dev, found.st_ino


class Conversation:
    """One accepted connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._control = array.array("i")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.peer = Path("/proc") / str(struct.unpack("3i", credentials)[0])

    def send(self, data: bytes) -> None:
        """Send all of it, or what a launcher takes that has found its error already."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def refuse_what_is_newer(self) -> bool:
        """As an agent that knows protocol 1 alone does; whether it has hung up."""
        refused = self.socket.recv(4, socket.MSG_PEEK) != struct.pack("!I", OLDER_REQUEST)
        if refused:
            self.socket.close()
        return refused

    def read_request(self, protocol: int = REQUEST) -> Request:
        """Read one request, whose every length has to be right."""
        first, control, _, _ = self.socket.recvmsg(8, socket.CMSG_SPACE(4 * 8))
        descriptors = array.array("i")
        for level, kind, data in control:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            descriptors.frombytes(data)
        identities = [identity(f"/proc/self/fd/{number}") for number in descriptors]
        for number in descriptors:
            os.close(number)
        magic, size = struct.unpack("!II", first)
        assert magic == protocol
        rest = memoryview(self._exactly(size))
        (count,) = struct.unpack_from("!I", rest)
        at = 4
        texts = []
        for _ in range(count + 2):
            (length,) = struct.unpack_from("!I", rest, at)
            texts.append(bytes(rest[at + 4 : at + 4 + length]))
            at += 4 + length
        assert at == size
        own = [identity(self.peer / what) for what in ("ns/net", "ns/mnt", "root")]
        return Request(texts[:-2], texts[-2], texts[-1], identities, own)

    def rest(self) -> bytes:
        """Whatever still comes, until the launcher is gone."""
        received = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while chunk := self.socket.recv(1 << 16):
                received += chunk
        return bytes(received)

    def _exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            chunk = self.socket.recv(size - len(received))
            assert chunk, "the launcher went away in its request"
            received += chunk
        return bytes(received)


class FakeAgent:
    """Listens on ``path``; every connection is served by ``behave``, then what is left of it is read and kept."""

    def __init__(self, path: Path, behave: Callable[[Conversation], None] | None = None) -> None:
        self.path = path
        self.requests: list[Request] = []
        self.rests: list[bytes] = []
        self._behave = behave or self.serve
        self._errors: list[BaseException] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run)

    def serve(self, talk: Conversation) -> None:
        """Do what the protocol says."""
        talk.send(hello())
        self.requests.append(talk.read_request())
        talk.send(answer())

    def __enter__(self) -> Self:
        """Start to accept."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; a failed assertion of the agent's is the test's."""
        del kind, trace
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self.path.unlink()
        if self._errors and error is None:
            raise self._errors[0]

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # shut down
            with connection:
                try:
                    talk = Conversation(connection)
                    self._behave(talk)
                    if connection.fileno() >= 0:
                        self.rests.append(talk.rest())
                except Exception as failure:  # noqa: BLE001 - raised by __exit__, in the test's own thread
                    self._errors.append(failure)
