"""A call's one answer on its way to the caller, with nothing of the caller's held any more when it goes out."""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from agent import wire
from agent.sparing import Sparing
from ipam.waiting import waiting
from plugin.client import DELIVERED

if TYPE_CHECKING:
    from agent.wire import Call

ARRIVAL_SECONDS: Final = 30.0
"""How long a client may take to read an answer, and as long again to say that an ADD's result has arrived.

It waits 5 s for whoever reads its stdout.
"""

log = logging.getLogger(__name__)
log.addFilter(Sparing())


class Reply:
    """What ``dispatch`` delivers to, in the caller's surroundings, and ``finish`` completes outside of them.

    Only an ADD's result is sent at once, since an ADD whose result does not arrive is undone, which takes the caller's
    surroundings. Everything else counts whether it arrives or not: it is sent when they are left, and not waited for.
    """

    def __init__(self, call: Call, connection: socket.socket) -> None:
        self._call = call
        self._connection = connection
        self._kept: bytes | None = None
        self.is_known = False

    def deliver(self, text: bytes, status: int) -> None:
        """Take the answer. Raises OSError where an ADD's result did not arrive."""
        self.is_known = True
        answer = wire.answer(status, text)
        if status or self._call.command != "ADD":
            self._kept = answer
            return
        try:
            self._send(answer)
            if not self._has_arrived():
                raise ConnectionAbortedError("the caller went away, or said nothing, before it had passed it on")
        except OSError as error:
            log.warning("the answer did not arrive: %s", error)
            self._connection.close()  # the error that follows is not sent as well
            raise

    def finish(self) -> None:
        """Send what was kept; a caller that is gone gets nothing."""
        if self._kept is None or self._connection.fileno() < 0:
            return
        try:
            self._send(self._kept)
        except OSError as error:
            log.warning("the answer could not be sent: %s", error)

    def _has_arrived(self) -> bool:
        """Whether the client says so, which it cannot do any more once this is False."""
        with waiting(), suppress(TimeoutError):
            if self._connection.recv(1) == DELIVERED:
                return True
        # From here on the client's word fails, as it is told. One that came before, after the wait, is heard.
        self._connection.shutdown(socket.SHUT_RD)
        return self._connection.recv(1, socket.MSG_DONTWAIT) == DELIVERED

    def _send(self, answer: bytes) -> None:
        self._call.close()  # the caller may unmount what these came from as soon as it has the answer
        self._connection.settimeout(ARRIVAL_SECONDS)
        with waiting():
            self._connection.sendall(answer)
