"""The agent's socket: put in its place, watched for a successor, withdrawn without losing a call."""

# ruff: noqa: FBT003 - setblocking(False) says what it means

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from conf.errors import TryAgain
from ipam.store.flock import lock

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKLOG = 1024
LOCK_SECONDS = 30.0
LOOK_SECONDS = 0.4  # less than an idle server's turn takes, each of which therefore looks


class Listener:
    """The listening socket at ``path``, or an ``inherited`` one that systemd handed over, which stays systemd's.

    Raises OSError, or TryAgain where another agent is taking its place and does not get on.
    """

    def __init__(self, path: str, inherited: socket.socket | None = None) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._lost = False
        self._looked = time.monotonic()
        self.socket = inherited or socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.setblocking(False)
        if not inherited:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            with _one_agent_at_a_time(path):
                self._identity = self._take_place()

    def _take_place(self) -> tuple[int, int]:
        # Bound beside its place and moved there: at no moment is there no agent, or one that others may connect to.
        beside = f"{self._path}.new"
        with suppress(FileNotFoundError):
            os.unlink(beside)
        self.socket.bind(beside)
        os.chmod(beside, 0o600)
        self.socket.listen(BACKLOG)
        os.rename(beside, self._path)
        return _identity(self._path)

    def is_lost(self) -> bool:
        """Whether nobody can reach us at ``path`` any more: another agent has taken the place, or the file is gone.

        It is looked for once in ``LOOK_SECONDS``, and not at every step of every call.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._lost = self._is_lost()
        return self._lost

    def _is_lost(self) -> bool:
        if self._identity is None:
            return False
        try:
            return _identity(self._path) != self._identity
        except FileNotFoundError:
            return True

    def withdraw(self) -> None:
        """Take no more connections than are queued already; whoever comes now finds no agent, or our successor.

        systemd's socket goes on queueing, for the next agent.
        """
        if self._identity is None:
            return
        # Without the lock the file would stay, which is as good as none: it refuses connections.
        with suppress(TryAgain, FileNotFoundError), _one_agent_at_a_time(self._path):
            if not self._is_lost():
                os.unlink(self._path)
        # Closing would reset those who came since the last accept(); this refuses newcomers and keeps the queue.
        self.socket.shutdown(socket.SHUT_RD)


def is_listened_to(path: str) -> bool:
    """Whether somebody is there to take calls."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:  # it is so busy that its queue is full
            return True
        except OSError:
            return False
        return True


@contextmanager
def _one_agent_at_a_time(path: str) -> Iterator[None]:
    """Nobody else puts a socket at ``path`` or removes it; the directory is locked, so that no lock file is left."""
    directory = os.path.dirname(path)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock(descriptor, LOCK_SECONDS, directory)
        yield
    finally:
        os.close(descriptor)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
