"""The threads that serve calls: as many as were asked for, and another for each that is lost."""

from __future__ import annotations

import logging
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING

from plugin.agent import worker
from plugin.agent.sparing import Sparing
from plugin.link.netns import NotANamespace, NoWayHome

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from plugin.agent.meter import Meter
    from plugin.agent.wire import Call
    from plugin.link.netns import Home

    Work = tuple[Call, socket.socket]
    Inbox = SimpleQueue[Work | None]

log = logging.getLogger(__name__)
log.addFilter(Sparing())


class Threads:
    """Threads that stand at ``home`` between calls; one that cannot come back is replaced by ``replace_lost``.

    A call goes to the thread that became idle last: what it needs is still in the processor's caches, which is worth
    a tenth of an ADD.
    """

    def __init__(self, home: Home, meter: Meter) -> None:
        self._home = home
        self._meter = meter
        self._lock = threading.Lock()
        self._idle: list[Inbox] = []
        self._waiting: deque[Work] = deque()
        self._finishing = False
        self._alive: set[threading.Thread] = set()
        self._lost: list[threading.Thread] = []

    def start(self, count: int) -> None:
        """Have so many more serve."""
        self._finishing = False
        for _ in range(count):
            self._start()

    def put(self, call: Call, connection: socket.socket) -> None:
        """Have a call served, and then its connection closed."""
        with self._lock:
            if self._idle:
                self._idle.pop().put((call, connection))
            else:
                self._waiting.append((call, connection))

    def waiting(self) -> int:
        """How many calls nobody has begun to serve."""
        return len(self._waiting)

    def count(self) -> int:
        """How many calls can be served at the same time."""
        return len(self._alive)

    def busy(self) -> int:
        """How many calls are being served."""
        return len(self._alive) - len(self._idle)

    def replace_lost(self) -> None:
        """Start successors; here and not by the lost themselves, because a thread begins where its maker stands."""
        while self._lost:
            self._alive.discard(self._lost.pop())
            self._start()

    def finish(self, seconds: float | None, meanwhile: Callable[[], None]) -> None:
        """Wait until all that was put is served and all threads have ended; do something else so often meanwhile."""
        with self._lock:
            self._finishing = True
            while self._idle:
                self._idle.pop().put(None)
        while self._alive:
            thread = self._alive.pop()
            while thread.is_alive():
                thread.join(seconds)
                meanwhile()
            self.replace_lost()

    def _start(self) -> None:
        # Daemons: should the main thread die of a bug, a process that accepts nothing must not stay behind.
        thread = threading.Thread(target=self._work, name="worker", daemon=True)
        self._alive.add(thread)  # before it can be idle: whoever counts those at work never sees less than none
        thread.start()

    def _work(self) -> None:
        """A thread's life: call after call, until told to go or unable to come home."""
        for call, connection in self._calls(SimpleQueue()):
            # The connection last: whoever sees it closed may take away what the call's descriptors hold.
            with connection, call:
                try:
                    worker.serve(call, connection, self._home, self._meter)
                except NoWayHome:
                    log.exception("a worker is lost in a caller's namespaces and ends")
                    self._lost.append(threading.current_thread())
                    return
                except NotANamespace as error:
                    log.warning("a client sent no namespaces: %s", error)
                    self._meter.refused("homeless")
                except Exception:
                    log.exception("a call was given up")
                    self._meter.refused("failed")
            del call, connection  # while it waits, it holds nothing of the last caller

    def _calls(self, inbox: Inbox) -> Iterator[Work]:
        """What the calling thread has to serve: what waits, then what is put into its inbox."""
        while (work := self._next(inbox)) is not None:
            yield work
            del work

    def _next(self, inbox: Inbox) -> Work | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._finishing:
                return None
            self._idle.append(inbox)
        return inbox.get()
