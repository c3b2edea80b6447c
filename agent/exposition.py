"""Where the agent can be asked for its numbers: HTTP on a unix socket or a TCP port, taken over without a gap.

An agent that takes the place of another listens before that one ends, and from then on has all who ask; the other
still answers those who had asked it.
"""

# ruff: noqa: FBT003 - setblocking(False) says what it means

from __future__ import annotations

import array
import errno
import logging
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from socketserver import BaseServer, TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any

from prometheus_client import MetricsHandler

from agent.listener import BACKLOG, Listener
from agent.sparing import Sparing

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from conf.endpoint import Endpoint

MAX_SCRAPERS = 8
SCRAPE_SECONDS = 10.0
TICK_SECONDS = 0.25
END_SECONDS = 2.0
SO_ATTACH_REUSEPORT_CBPF = 51  # asm-generic/socket.h
TAKE_THE_SECOND = struct.pack("=HBBI", 0x06, 0, 0, 1)  # struct sock_filter: BPF_RET | BPF_K, 1

log = logging.getLogger(__name__)
log.addFilter(Sparing())


class Exposition(ThreadingMixIn, TCPServer):
    """Answers from its making to ``close``. Raises OSError or TryAgain where it cannot listen."""

    daemon_threads = True

    def __init__(self, endpoint: Endpoint, registry: CollectorRegistry) -> None:
        BaseServer.__init__(self, (endpoint.host, endpoint.port), MetricsHandler.factory(registry))
        self._listener = Listener(endpoint.path) if endpoint.path else None
        self.socket = self._listener.socket if self._listener else _tcp_listener(endpoint)
        self.socket.settimeout(TICK_SECONDS)
        self._deadlines: dict[Any, float] = {}
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer who has asked already, and let the place go, unless somebody else has it by now."""
        self._ending = True
        if self._listener:
            self._listener.withdraw()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending:
            self.handle_request()
            now = time.monotonic()
            self._hang_up([each for each, deadline in self._deadlines.copy().items() if deadline < now])
        self.socket.setblocking(False)
        with suppress(OSError):  # nobody else has come
            while True:
                self.process_request(*self.get_request())
        self.socket.close()
        until = time.monotonic() + END_SECONDS
        while self._deadlines and time.monotonic() < until:
            time.sleep(0.01)
        self._hang_up(list(self._deadlines))

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take who has come; while there are no descriptors left, not over and over."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                time.sleep(TICK_SECONDS)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the class that it is of
        """Answer in a thread, so that nobody waits for who is slow, and in few of them."""
        if len(self._deadlines) >= MAX_SCRAPERS:
            self.shutdown_request(request)
            return
        self._deadlines[request] = time.monotonic() + SCRAPE_SECONDS
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as above
        """Close a connection that is done with."""
        self._deadlines.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Log what kept somebody from having an answer."""
        log.info("a scrape came to nothing: %r", sys.exc_info()[1])

    def _hang_up(self, connections: list[socket.socket]) -> None:
        """Have their threads see the end of the connection."""
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _tcp_listener(endpoint: Endpoint) -> socket.socket:
    """A listening socket that shares its port with the agent whose place we take, and gets all who come from now on."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((endpoint.host, endpoint.port))
        made.listen(BACKLOG)
        # Of those who share the port the kernel would choose by chance. We are the second, or alone, and where there
        # is no second it does choose. The program is a struct sock_fprog: a length, and where in memory it is.
        program = array.array("B", TAKE_THE_SECOND)
        made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack("@HP", 1, program.buffer_info()[0]))
    except BaseException:
        made.close()
        raise
    return made
