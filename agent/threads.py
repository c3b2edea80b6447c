"""The threads that serve calls: as many as were asked for, and others for those that are lost or wait."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from agent import worker
from agent.sparing import Sparing
from ipam import waiting
from link.netns import NotANamespace, NoWayHome

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from agent.meter import Meter
    from agent.wire import Call
    from link.netns import Home

    Work = tuple[Call, socket.socket]
    Inbox = SimpleQueue[Work | None]

MOST_SPARE: Final = 512
"""Threads beyond those that were asked for, while as many wait: a wait costs a stack, of which little is used."""

log = logging.getLogger(__name__)
log.addFilter(Sparing())


class Threads:
    """Threads that stand at ``home`` between calls.

    A call goes to the thread that became idle last: what it needs is still in the processor's caches, which is worth
    a tenth of an ADD. Who waits for somebody else, in a call, occupies nobody: ``call_for_more`` is called where calls
    wait for a thread of those that wait, so that ``replenish`` starts another.
    """

    def __init__(self, home: Home, meter: Meter, call_for_more: Callable[[], None]) -> None:
        self._home = home
        self._meter = meter
        self._call_for_more = call_for_more
        self._lock = threading.Lock()
        self._idle: list[Inbox] = []
        self._waiting: deque[Work] = deque()
        self._finishing = False
        self._wanted = 0
        self._away = 0
        self._held_bytes = 0
        self._starting = 0
        self._alive: set[threading.Thread] = set()

    def start(self, count: int) -> None:
        """Have so many serve."""
        self._finishing = False
        self._wanted = count
        self.replenish()

    def put(self, call: Call, connection: socket.socket) -> None:
        """Have a call served, and then its connection closed."""
        with self._lock:
            self._held_bytes += len(call.stdin)
            if self._idle:
                self._idle.pop().put((call, connection))
                return
            self._waiting.append((call, connection))
        self.replenish()

    def waiting(self) -> int:
        """How many calls nobody has begun to serve."""
        return len(self._waiting)

    def held_bytes(self) -> int:
        """How many bytes of stdin the calls have that are not answered."""
        return self._held_bytes

    def count(self) -> int:
        """How many calls can be served at the same time."""
        return self._wanted

    def busy(self) -> int:
        """How many calls are being served."""
        return len(self._alive) - len(self._idle)

    def replenish(self) -> None:
        """Start what is missing; by the main thread, because a thread begins where its maker stands."""
        while self._is_short() and self._start():
            pass

    def finish(self, seconds: float, meanwhile: Callable[[], None]) -> None:
        """Wait until all that was put is served and all threads have ended; do something else so often meanwhile."""
        with self._lock:
            self._finishing = True
            while self._idle:
                self._idle.pop().put(None)
        while thread := next(iter(self._alive.copy()), None):
            thread.join(seconds)
            meanwhile()
            self.replenish()

    def _is_short(self) -> bool:
        """Whether another thread would have something to do now, or is one of those that are always there."""
        with self._lock:
            ready = len(self._alive) - self._away
            if len(self._alive) < self._wanted:
                return bool(self._waiting) or not self._finishing
            # Those who are ready and idle, or have just been started, will take so many of what waits.
            is_spare = len(self._alive) < self._wanted + MOST_SPARE
            return is_spare and ready < self._wanted and self._starting < len(self._waiting)

    def _start(self) -> bool:
        # Daemons: should the main thread die of a bug, a process that accepts nothing must not stay behind.
        thread = threading.Thread(target=self._work, name="worker", daemon=True)
        with self._lock:
            self._alive.add(thread)  # before it can be idle: whoever counts those at work never sees less than none
            self._starting += 1
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:  # the system has no thread left; it is asked again soon
            log.warning("no thread could be started: %s", error)
            with self._lock:
                self._alive.discard(thread)
                self._starting -= 1
            return False
        return True

    @contextmanager
    def _while_away(self) -> Iterator[None]:
        """The calling thread waits for somebody else: it is none of those that are there for others."""
        with self._lock:
            self._away += 1
            is_missed = bool(self._waiting)
        if is_missed:
            self._call_for_more()
        try:
            yield
        finally:
            with self._lock:
                self._away -= 1

    def _work(self) -> None:
        """A thread's life: call after call, until told to go or unable to come home."""
        waiting.tell(self._while_away)
        with self._lock:
            self._starting -= 1
        try:
            self._serve_all()
        finally:
            with self._lock:
                self._alive.discard(threading.current_thread())

    def _serve_all(self) -> None:
        for call, connection in self._calls(SimpleQueue()):
            # The connection last: whoever sees it closed may take away what the call's descriptors hold.
            with connection, call:
                try:
                    worker.serve(call, connection, self._home, self._meter)
                except NoWayHome:
                    log.exception("a worker is lost in a caller's namespaces and ends")
                    return
                except NotANamespace as error:
                    log.warning("a client sent no namespaces: %s", error)
                    self._meter.refused("homeless")
                except Exception:
                    log.exception("a call was given up")
                    self._meter.refused("failed")
                finally:
                    with self._lock:
                        self._held_bytes -= len(call.stdin)
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
            if len(self._alive) - self._away > self._wanted:
                self._alive.discard(threading.current_thread())
                return None
            self._idle.append(inbox)
        return inbox.get()
