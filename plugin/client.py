"""The door's side of the agent's socket (docs/agent-protocol.md).

Most of a call's time through the agent is this process's start: nothing is imported here but built-in modules.
"""

import _socket
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugin.stdin import Stdin

DEFAULT_SOCKET = b"/run/cni-macvlan-py/agent.sock"
MAGIC = b"CMV1"
GREETING = MAGIC + b"\0\0\0\1"
PROTOCOL = 2
REQUEST = b"CMV2"
DELIVERED = b"\x06"
PASSED_ON = (b"PATH", b"TRACEPARENT", b"TRACESTATE", b"BAGGAGE")
HELLO_BYTES = 12
ANSWER_HEADER_BYTES = 12
HELLO_SECONDS = 30  # as long as an agent may take to start, where everything else starts as well
CONNECT_TIMEVAL = HELLO_SECONDS.to_bytes(8, sys.byteorder) + bytes(8)  # struct timeval: for a full backlog
GRACE_SECONDS = 5.0
MAX_ANSWER = 64 << 20
SOCK_CLOEXEC = 0o2000000
O_RDONLY, O_CLOEXEC, O_NONBLOCK, O_DIRECTORY, O_PATH = 0, 0o2000000, 0o4000, 0o200000, 0o10000000
SCM_RIGHTS, MSG_PEEK = 1, 2


class AgentFailure(Exception):
    """The agent has the call, or may have it, and gave no answer; nothing was written."""


class _OlderAgent(Exception):
    """The agent has refused what only its successors know, and begun nothing."""


def ask(variables: "Mapping[bytes, bytes]", executable: bytes, stdin: "Stdin", answer: int) -> "int | None":
    """Have the agent serve the call; the answer goes to the descriptor ``answer``.

    Returns the exit status; None where no agent is there, or one that does not know root directories, or stdin cannot
    be read. Raises AgentFailure.
    """
    path = variables.get(b"CNI_MACVLAN_AGENT_SOCKET", DEFAULT_SOCKET)
    if not path:
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | SOCK_CLOEXEC)
    connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, CONNECT_TIMEVAL)
    try:
        connection.connect(path)
    except BlockingIOError:
        connection.close()
        raise AgentFailure("the agent does not answer: it accepts no more connections") from None
    except OSError:  # nothing listens there, or not for us: a normal answer
        connection.close()
        return None
    try:
        descriptors = _surroundings(variables.get(b"CNI_NETNS", b""))
        config = stdin.read()
    except OSError:  # the door comes to the same end, and says so
        connection.close()
        return None
    try:
        status, text = _converse(connection, _request(variables, executable, config), descriptors)
    except _OlderAgent:
        return None
    except TimeoutError:
        raise AgentFailure("the agent does not answer") from None
    except OSError as error:
        raise AgentFailure(f"the agent went away: {error.strerror}") from error
    return _pass_on(connection, answer, status, text, is_add=variables.get(b"CNI_COMMAND") == b"ADD")


def _converse(connection: _socket.socket, request: bytes, descriptors: bytes) -> "tuple[int, bytes]":
    """Send the call and return its exit status and what goes to stdout."""
    connection.settimeout(HELLO_SECONDS)
    try:
        sent = connection.sendmsg([request], [(_socket.SOL_SOCKET, SCM_RIGHTS, descriptors)])
        while sent < len(request):
            sent += connection.send(memoryview(request)[sent:])
    except (BrokenPipeError, ConnectionResetError):
        pass  # it may have answered before it had all of it
    hello = _receive(connection, HELLO_BYTES)
    if hello[:8] != GREETING:
        raise AgentFailure("the agent's answer is not understood; restart the agent")
    milliseconds = int.from_bytes(hello[8:12], "big")
    connection.settimeout(milliseconds / 1000 + GRACE_SECONDS)
    if milliseconds % 1000 < PROTOCOL and _hung_up(connection):
        raise _OlderAgent
    header = _receive(connection, ANSWER_HEADER_BYTES)
    size = int.from_bytes(header[8:12], "big")
    if header[:4] != MAGIC or size > MAX_ANSWER:
        raise AgentFailure("the agent's answer is not understood; restart the agent")
    return int.from_bytes(header[4:8], "big"), _receive(connection, size)


def _pass_on(connection: _socket.socket, answer: int, status: int, text: bytes, *, is_add: bool) -> int:
    """Write the answer to stdout, tell the agent, and return the exit status."""
    try:
        while text:
            text = text[posix.write(answer, text) :]
    except OSError as error:  # the agent is not told that all is well, and undoes an ADD
        sys.stderr.write(f"the answer could not be written: {error}\n")
        return 1
    try:
        connection.send(DELIVERED)
    except OSError:
        # It did not wait for us. An ADD that it may have undone is not to be taken for a success.
        return 1 if is_add else status
    return status


def _surroundings(netns: bytes) -> bytes:
    """Descriptors of where we stand, and of the container's namespace if it is there, as SCM_RIGHTS wants them."""
    paths = [b"/proc/self/ns/net", b"/proc/self/ns/mnt"]
    descriptors = [posix.open(path, O_RDONLY | O_CLOEXEC) for path in paths]
    descriptors.append(posix.open(b"/", O_PATH | O_DIRECTORY | O_CLOEXEC))
    if netns:
        try:  # noqa: SIM105 - contextlib takes a millisecond to import
            descriptors.append(posix.open(netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
        except (OSError, ValueError):
            pass  # the agent says what is wrong with it
    return b"".join(descriptor.to_bytes(4, sys.byteorder) for descriptor in descriptors)


def _request(variables: "Mapping[bytes, bytes]", executable: bytes, stdin: bytes) -> bytes:
    pairs = [name + b"=" + value for name, value in variables.items() if name[:4] == b"CNI_" or name in PASSED_ON]
    fields = [len(pairs).to_bytes(4, "big")]
    for field in (*pairs, executable, stdin):
        fields += (len(field).to_bytes(4, "big"), field)
    body = b"".join(fields)
    return REQUEST + len(body).to_bytes(4, "big") + body


def _hung_up(connection: _socket.socket) -> bool:
    """Whether the agent says no more, which is waited for."""
    try:
        return connection.recv(1, MSG_PEEK) == b""
    except ConnectionResetError:
        return True


def _receive(connection: _socket.socket, size: int) -> bytes:
    chunks = []
    while size:
        chunk = connection.recv(min(size, 1 << 16))
        if not chunk:
            raise AgentFailure("the agent went away")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
