"""The agent: takes calls from its socket, gathers each until it is complete, and has worker threads serve them."""

# ruff: noqa: FBT003 - setblocking(False) says what it means

from __future__ import annotations

import array
import errno
import logging
import os
import selectors
import signal
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field

from agent import systemd, wire
from agent.large import LARGE
from agent.listener import Listener, is_listened_to
from agent.meter import NOBODY, Meter
from agent.sparing import Sparing
from agent.threads import Threads
from conf.errors import TryAgain
from conf.versions import LATEST
from link.netns import Home
from plugin.node import boot_id
from plugin.render import render_error

log = logging.getLogger(__name__)
log.addFilter(Sparing())

CREDENTIALS = struct.Struct("=iII")  # struct ucred: pid, uid, gid
MAX_CLIENTS = 512
MAX_BYTES = 5 << 20
"""Of requests on their way, waiting or served, beyond which no large one is taken: room for one of the largest."""
REQUEST_SECONDS = 30.0
DRAIN_SECONDS = 10.0  # far less than callers wait for the next agent's hello
TICK_SECONDS = 0.5
CHUNK = 1 << 18
NOTHING_QUEUED = {errno.EAGAIN, errno.EINVAL}  # the latter from a socket that was shut down


@dataclass(frozen=True)
class Options:
    """How an agent runs: its socket's path, threads, calls that may wait, seconds that a call may take.

    After ``idle`` seconds without a call it ends, 0: never. With ``stand_by`` it outlasts whoever takes its place.
    """

    path: str
    workers: int = 16
    waiting: int = 512
    limit: float = 120.0
    idle: float = 0.0
    stand_by: bool = False


@dataclass(eq=False)
class Client:
    """A connection whose request is still on its way."""

    connection: socket.socket
    deadline: float
    received: bytearray = field(default_factory=bytearray)
    descriptors: list[int] = field(default_factory=list)
    is_admitted: bool = False
    is_listened_to: bool = False

    def close(self) -> None:
        """Close whatever came with it, and the connection, at whose end the caller takes all to be let go."""
        self.let_go()
        self.connection.close()

    def let_go(self) -> None:
        """Close whatever came with it."""
        while self.descriptors:
            os.close(self.descriptors.pop())


class Server:
    """An agent on one socket; ``run`` returns when it was told to stop, or idle, or another agent took its path over.

    From its making on the process no longer dies of SIGTERM and SIGINT. Raises OSError or TryAgain.
    """

    def __init__(self, options: Options, meter: Meter = NOBODY) -> None:
        boot_id()  # read once and here: where a caller stands, another may be mounted over it, or none be there
        self._options = options
        self._meter = meter
        self._threads = Threads(Home(), meter, self._wake_up)
        self._selector = selectors.DefaultSelector()
        self._clients: set[Client] = set()
        self._watchdog = systemd.Watchdog()
        self._stopping = False
        # Before there is a socket that a signal would have to remove.
        self._wake, self._waker = socket.socketpair()
        self._heed_signals()
        self._listener = self._take_place()
        self._last_call = time.monotonic()

    def _heed_signals(self) -> None:
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _wake_up(self) -> None:
        """Have the main thread look after everything now."""
        with suppress(BlockingIOError):  # it has been woken often enough
            self._waker.send(b"\0")

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _take_place(self) -> Listener:
        """Listen, for calls and before that for who wants numbers: where that fails, nobody makes way for us."""
        self._meter.open(self._threads)
        try:
            return Listener(self._options.path, systemd.inherited_socket())
        except BaseException:
            self._meter.close()
            raise

    def run(self) -> None:
        """Serve until it is time to end; what was accepted is served to its end."""
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._serve()
        while self._options.stand_by and not self._stopping:
            self._turn(TICK_SECONDS)
            if not is_listened_to(self._options.path):
                self._listener = self._take_place()
                self._serve()

    def _serve(self) -> None:
        """Have workers serve what comes to the listener, as long as it is ours to serve."""
        self._threads.start(self._options.workers)
        self._selector.register(self._listener.socket, selectors.EVENT_READ)
        systemd.notify("READY=1")
        while not (self._stopping or self._listener.is_lost() or self._is_idle()):
            self._turn(TICK_SECONDS)
        if self._stopping or not self._options.stand_by:
            systemd.notify("STOPPING=1")
        self._drain()
        self._threads.finish(self._seconds(TICK_SECONDS), self._watchdog.feed)
        self._meter.close()

    def _turn(self, seconds: float) -> None:
        """Wait so long for something to happen, and see to it."""
        self._watchdog.feed()
        self._threads.replenish()
        looked = time.monotonic()
        for key, _ in self._selector.select(self._seconds(seconds)):
            if key.fileobj is self._listener.socket:
                self._accept()
            elif isinstance(key.data, Client):
                self._receive(key.data)
            else:
                os.read(key.fd, CHUNK)
        # What has come since may wait to be read: whoever was in time then is not late because we were held up.
        for client in [c for c in self._clients if c.deadline < looked]:
            log.warning("a client was too slow to send its request")
            self._meter.refused("slow")
            self._drop(client)

    def _seconds(self, most: float) -> float:
        """So many, or less where the watchdog is to be fed before."""
        return min(most, self._watchdog.seconds or most)

    def _drain(self) -> None:
        """Take what is already in the socket's queue, and no more; see to it that these calls come in."""
        self._selector.unregister(self._listener.socket)
        self._listener.withdraw()
        until = time.monotonic() + DRAIN_SECONDS
        queued = True
        while (queued or self._clients) and time.monotonic() < until:
            accepts = queued and len(self._clients) < MAX_CLIENTS
            if accepts:
                queued = self._accept()
            self._turn(TICK_SECONDS if self._clients and not accepts else 0)
        self._listener.socket.close()

    def _is_idle(self) -> bool:
        return 0 < self._options.idle < time.monotonic() - self._last_call

    def _accept(self) -> bool:
        """Take one connection; whether there may be more."""
        try:
            connection, _ = self._listener.socket.accept()
        except OSError as error:
            if error.errno in NOTHING_QUEUED:
                return False
            log.warning("no connection could be taken: %s", error)
            time.sleep(0.01)  # out of descriptors: those who hold them get a moment
            return True
        client = Client(connection, time.monotonic() + REQUEST_SECONDS)
        connection.setblocking(False)
        pid, uid, _ = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
        if uid != os.geteuid() or len(self._clients) >= MAX_CLIENTS:
            log.warning("process %d of user %d was turned away", pid, uid)
            self._meter.refused("stranger" if uid != os.geteuid() else "crowded")
            client.close()
            return True
        try:
            connection.send(wire.hello(self._options.limit))
        except OSError:
            client.close()
            return True
        self._last_call = time.monotonic()
        self._clients.add(client)
        self._receive(client)  # the request is often there already
        if client in self._clients:
            self._selector.register(connection, selectors.EVENT_READ, client)
            client.is_listened_to = True
        return True

    def _receive(self, client: Client) -> None:
        """Take what has come of a request; hand it on if it is complete."""
        try:
            while missing := wire.missing_bytes(client.received):  # the first of them say how many there are
                if not client.is_admitted and not self._admits(client):
                    self._let_pass(client)
                    self._refuse(client, "the agent has too much to read", f"{MAX_BYTES} bytes are at work or waiting")
                    return
                data, ancillary, flags, _ = client.connection.recvmsg(
                    min(missing, CHUNK), socket.CMSG_SPACE(wire.MAX_DESCRIPTORS * 4), socket.MSG_CMSG_CLOEXEC
                )
                for level, kind, content in ancillary:
                    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                        client.descriptors += array.array("i", content[: len(content) // 4 * 4])
                if not (data or client.received):  # who only asked whether we are there
                    self._drop(client)
                    return
                client.received += data
                is_cut = bool(flags & socket.MSG_CTRUNC)
                if is_cut and len(client.descriptors) < wire.MAX_DESCRIPTORS:
                    self._let_pass(client)
                    self._refuse(client, "the agent has no descriptors left", "a call brings four of them")
                    return
                wire.require_sane(data, client.descriptors, truncated=is_cut)
            call = wire.read_call(client.received, client.descriptors)
        except BlockingIOError:
            return
        except (OSError, wire.MalformedRequest) as error:
            log.warning("a client sent no request: %s", error)
            self._meter.refused("malformed")
            self._drop(client)
            return
        self._let_pass(client)
        client.connection.settimeout(self._options.limit)
        if self._threads.waiting() < self._options.waiting:
            self._threads.put(call, client.connection)
        else:
            self._refuse(client, "the agent has too many calls waiting", f"{self._options.waiting} calls are waiting")

    def _admits(self, client: Client) -> bool:
        """Whether there is room for what the client announces."""
        size = wire.announced_bytes(client.received)
        client.is_admitted = size > 0
        if size <= LARGE:
            return True
        on_their_way = sum(wire.announced_bytes(each.received) for each in self._clients)
        return on_their_way + self._threads.held_bytes() <= MAX_BYTES

    def _refuse(self, client: Client, reason: str, details: str) -> None:
        error = TryAgain(f"{reason}; try again", details)
        self._meter.refused("busy")
        client.let_go()
        with suppress(OSError):
            client.connection.send(wire.answer(1, render_error(error, LATEST)))
        client.close()

    def _drop(self, client: Client) -> None:
        self._let_pass(client)
        client.close()

    def _let_pass(self, client: Client) -> None:
        """Listen to the client no more."""
        if client.is_listened_to:
            self._selector.unregister(client.connection)
        self._clients.discard(client)
