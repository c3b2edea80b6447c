"""A call's stdin, read whole and once: bounded in size and in time, for the agent's client and the process alike.

A call through the agent waits for what is imported here: built-in modules alone.
"""

import posix
from select import POLLIN, poll
from time import monotonic

MAX_STDIN = 4 << 20
"""Bytes. The largest that a runtime sends is GC's list of attachments: 10,000 of them, twice, are half of it."""
SECONDS = 30.0
SHORT_SECONDS = 1.0
CHUNK = 1 << 16


class Stdin:
    """Descriptor 0; what it brought, or why it could not be read, is the same however often it is asked for.

    It has to end within ``seconds``. One that is ``optional`` is empty if it has not begun within a second: people
    ask for VERSION at a terminal, and write nothing.
    """

    def __init__(self, *, optional: bool = False, seconds: float = SECONDS) -> None:
        self._optional = optional
        self._seconds = seconds
        self._content: bytes | None = None
        self._failure: OSError | None = None

    def read(self) -> bytes:
        """All of it. Raises OSError."""
        if self._failure:
            raise self._failure
        if self._content is None:
            try:
                self._content = b"" if self._optional and not _is_ready(SHORT_SECONDS) else self._to_its_end()
            except OSError as error:
                self._failure = error
                raise
        return self._content

    def _to_its_end(self) -> bytes:
        until = monotonic() + self._seconds
        content = bytearray()
        while True:
            if not _is_ready(until - monotonic()):
                raise TimeoutError(f"no end of it in {self._seconds:g} s")
            try:
                chunk = posix.read(0, CHUNK)
            except BlockingIOError:  # a runtime may have made it non-blocking, and others may read from it
                continue
            if not chunk:
                return bytes(content)
            content += chunk
            if len(content) > MAX_STDIN:
                raise OSError(f"more than {MAX_STDIN} bytes")


def _is_ready(seconds: float) -> bool:
    stdin = poll()
    stdin.register(0, POLLIN)
    return bool(stdin.poll(max(seconds, 0) * 1000))
