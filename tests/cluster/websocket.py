"""What `kubectl exec` hears: a program's output and end, over a WebSocket (RFC 6455) with Kubernetes' channels."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedIOBase

    from tests.cluster.instance import Outcome
    from tests.runtime import Json

PROTOCOL = "v5.channel.k8s.io"
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY, CLOSE = 0x82, 0x88
STDOUT, STDERR, ENDED = 1, 2, 3
NORMALLY = struct.pack("!H", 1000)
MEDIUM, LONG = 126, 1 << 16


def accepted(key: str) -> dict[str, str]:
    """The headers that accept a client's request to speak so; ``key`` is its Sec-WebSocket-Key."""
    digest = hashlib.sha1(f"{key}{MAGIC}".encode(), usedforsecurity=False).digest()
    return {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Protocol": PROTOCOL,
        "Sec-WebSocket-Accept": base64.b64encode(digest).decode(),
    }  # fmt: skip


def tell(outcome: Outcome, to: BufferedIOBase) -> None:
    """Write everything at once, and say goodbye."""
    for channel, content in ((STDOUT, outcome.stdout), (STDERR, outcome.stderr)):
        if content:
            to.write(_frame(BINARY, bytes([channel]) + content))
    to.write(_frame(BINARY, bytes([ENDED]) + json.dumps(_ended(outcome.status)).encode()))
    to.write(_frame(CLOSE, NORMALLY))


def _ended(status: int) -> Json:
    if status == 0:
        return {"metadata": {}, "status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(status)}]
    told = {"status": "Failure", "reason": "NonZeroExitCode", "message": f"command terminated with exit code {status}"}
    return {"metadata": {}, **told, "details": {"causes": causes}}


def _frame(kind: int, content: bytes) -> bytes:
    """One frame as a server sends it, unmasked."""
    size = len(content)
    if size < MEDIUM:
        return bytes([kind, size]) + content
    length = struct.pack("!BH", MEDIUM, size) if size < LONG else struct.pack("!BQ", MEDIUM + 1, size)
    return bytes([kind]) + length + content
