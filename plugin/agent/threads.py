"""The threads that serve calls: as many as were asked for, and another for each that is lost."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

from plugin.agent import worker
from plugin.link.netns import NotANamespace, NoWayHome

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from plugin.agent.wire import Call
    from plugin.link.netns import Home

log = logging.getLogger(__name__)


class Threads:
    """Threads that stand at ``home`` between calls; one that cannot come back is replaced by ``replace_lost``."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._calls: queue.SimpleQueue[tuple[Call, socket.socket] | None] = queue.SimpleQueue()
        self._alive: set[threading.Thread] = set()
        self._lost: list[threading.Thread] = []

    def start(self, count: int) -> None:
        """Have so many more serve."""
        for _ in range(count):
            # Daemons: should the main thread die of a bug, a process that accepts nothing must not stay behind.
            thread = threading.Thread(target=self._work, name="worker", daemon=True)
            thread.start()
            self._alive.add(thread)

    def put(self, call: Call, connection: socket.socket) -> None:
        """Have a call served, and then its connection closed."""
        self._calls.put((call, connection))

    def waiting(self) -> int:
        """How many calls nobody has begun to serve."""
        return self._calls.qsize()

    def replace_lost(self) -> None:
        """Start successors; here and not by the lost themselves, because a thread begins where its maker stands."""
        while self._lost:
            self._alive.discard(self._lost.pop())
            self.start(1)

    def finish(self, seconds: float | None, meanwhile: Callable[[], None]) -> None:
        """Wait until all that was put is served and all threads have ended; do something else so often meanwhile."""
        for _ in self._alive:
            self._calls.put(None)
        while self._alive:
            thread = self._alive.pop()
            while thread.is_alive():
                thread.join(seconds)
                meanwhile()
            self.replace_lost()

    def _work(self) -> None:
        """A thread's life: call after call, until told to go or unable to come home."""
        while (taken := self._calls.get()) is not None:
            call, connection = taken
            with call, connection:
                try:
                    worker.serve(call, connection, self._home)
                except NoWayHome:
                    log.exception("a worker is lost in a caller's namespaces and ends")
                    self._lost.append(threading.current_thread())
                    return
                except NotANamespace as error:
                    log.warning("a client sent no namespaces: %s", error)
                except Exception:
                    log.exception("a call was given up")
            del taken, call, connection  # while it waits, it holds nothing of the last caller
