"""The door's side of the agent's socket (docs/agent-protocol.md).

Most of a call's time through the agent is this process's start: nothing is imported here but built-in modules.
"""

import _socket
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SOCKET = b"/run/cni-macvlan-py/agent.sock"
MAGIC = b"CMV1"
DELIVERED = b"\x06"
PASSED_ON = (b"PATH", b"TRACEPARENT", b"TRACESTATE", b"BAGGAGE")
HELLO_BYTES = 12
ANSWER_HEADER_BYTES = 12
HELLO_SECONDS = 5.0
GRACE_SECONDS = 5.0
MAX_STDIN = 16 << 20
MAX_ANSWER = 64 << 20
SOCK_CLOEXEC = 0o2000000
O_RDONLY, O_CLOEXEC, O_NONBLOCK = 0, 0o2000000, 0o4000
SCM_RIGHTS = 1


class AgentFailure(Exception):
    """The agent has the call, or may have it, and gave no answer."""


def ask(variables: "Mapping[bytes, bytes]", executable: bytes, answer: int) -> "int | None":
    """Have the agent serve the call whose stdin is descriptor 0; the answer goes to the descriptor ``answer``.

    Returns the exit status; None where no agent is there, with stdin not read. Raises AgentFailure.
    """
    path = variables.get(b"CNI_MACVLAN_AGENT_SOCKET", DEFAULT_SOCKET)
    if not path:
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | SOCK_CLOEXEC)
    try:
        connection.connect(path)
    except OSError:  # nothing listens there, or not for us: a normal answer
        connection.close()
        return None
    try:
        return _converse(connection, variables, executable, answer)
    except OSError as error:
        raise AgentFailure(str(error)) from error
    finally:
        connection.close()


def _converse(connection: _socket.socket, variables: "Mapping[bytes, bytes]", executable: bytes, answer: int) -> int:
    descriptors = _own_namespaces(variables.get(b"CNI_NETNS", b""))
    request = _request(variables, executable, _read_stdin())
    connection.settimeout(HELLO_SECONDS)
    sent = connection.sendmsg([request], [(_socket.SOL_SOCKET, SCM_RIGHTS, descriptors)])
    while sent < len(request):
        sent += connection.send(memoryview(request)[sent:])
    hello = _receive(connection, HELLO_BYTES)
    if hello[:4] != MAGIC:
        raise AgentFailure("what listens there is not the agent")
    connection.settimeout(int.from_bytes(hello[8:12], "big") / 1000 + GRACE_SECONDS)
    header = _receive(connection, ANSWER_HEADER_BYTES)
    size = int.from_bytes(header[8:12], "big")
    if header[:4] != MAGIC or size > MAX_ANSWER:
        raise AgentFailure("its answer is malformed")
    text = _receive(connection, size)
    while text:
        text = text[posix.write(answer, text) :]
    connection.send(DELIVERED)
    return int.from_bytes(header[4:8], "big")


def _own_namespaces(netns: bytes) -> bytes:
    """Descriptors of where we stand, and of the container's namespace if it is there, as SCM_RIGHTS wants them."""
    paths = [b"/proc/self/ns/net", b"/proc/self/ns/mnt"]
    descriptors = [posix.open(path, O_RDONLY | O_CLOEXEC) for path in paths]
    if netns:
        try:  # noqa: SIM105 - contextlib takes a millisecond to import
            descriptors.append(posix.open(netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
        except (OSError, ValueError):
            pass  # the agent says what is wrong with it
    return b"".join(descriptor.to_bytes(4, sys.byteorder) for descriptor in descriptors)


def _request(variables: "Mapping[bytes, bytes]", executable: bytes, stdin: bytes) -> bytes:
    pairs = [name + b"=" + value for name, value in variables.items() if name.startswith(b"CNI_") or name in PASSED_ON]
    fields = [len(pairs).to_bytes(4, "big")]
    for field in (*pairs, executable, stdin):
        fields += (len(field).to_bytes(4, "big"), field)
    body = b"".join(fields)
    return MAGIC + len(body).to_bytes(4, "big") + body


def _read_stdin() -> bytes:
    chunks = []
    left = MAX_STDIN + 1
    while left:
        chunk = posix.read(0, min(left, 1 << 16))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _receive(connection: _socket.socket, size: int) -> bytes:
    chunks = []
    while size:
        chunk = connection.recv(min(size, 1 << 16))
        if not chunk:
            raise AgentFailure("it closed the connection without an answer")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
