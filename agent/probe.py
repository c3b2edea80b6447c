"""A look at the agent's socket that asks for nothing: whether somebody listens there, who, and whether it answers."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from agent import wire
from ipam.store.privilege import cure_of_refusal
from plugin.client import HELLO_BYTES

CREDENTIALS = struct.Struct("=iII")  # struct ucred: pid, uid, gid
SECONDS = 8.0  # less than Kubernetes gives a probe


@dataclass(frozen=True)
class Heard:
    """What was heard: ``listens`` whether anybody is there, ``greets`` whether as an agent of our protocol does.

    ``process`` is the agent's process, 0 if it did not say anything or lives in another pid namespace.
    """

    listens: bool
    greets: bool = False
    process: int = 0
    words: str = ""


def probe(path: str, seconds: float = SECONDS) -> Heard:
    """Connect, wait for the greeting, and go away, which an agent takes for no call."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        # The kernel tells who greets; who listens may be systemd.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        connection.settimeout(seconds)
        try:
            connection.connect(path)
        except TimeoutError:
            return Heard(listens=True, words=f"it takes no connection within {seconds:.0f} s")
        except OSError as error:
            return Heard(listens=False, words="; ".join(filter(None, (str(error), cure_of_refusal(error, "")))))
        try:
            greeting, ancillary, _, _ = connection.recvmsg(HELLO_BYTES, socket.CMSG_SPACE(CREDENTIALS.size))
        except TimeoutError:
            return Heard(listens=True, words=f"it says nothing within {seconds:.0f} s")
        except OSError as error:
            return Heard(listens=True, words=str(error))
    process = next((CREDENTIALS.unpack(data)[0] for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS), 0)
    if greeting[:8] != wire.hello(0)[:8]:
        words = "it hangs up" if not greeting else "it speaks another protocol"
        return Heard(listens=True, process=process, words=words)
    return Heard(listens=True, greets=True, process=process)
