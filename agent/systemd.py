"""What systemd tells a service and wants to be told: sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3)."""

from __future__ import annotations

import logging
import os
import socket
import time

from agent.sparing import Sparing

LISTEN_FDS_START = 3
PATIENCE_SECONDS = 5.0

log = logging.getLogger(__name__)
log.addFilter(Sparing())


def inherited_socket() -> socket.socket | None:
    """The listening socket of a socket unit, None if we were started otherwise."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    os.set_inheritable(LISTEN_FDS_START, False)  # noqa: FBT003 - the name tells
    return socket.socket(fileno=LISTEN_FDS_START)


def notify(state: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Tell systemd, e.g. READY=1, and wait so long for room in its queue.

    Without systemd nobody is told, and that it cannot be told ends nothing.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notification:
            notification.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
            notification.settimeout(seconds)
            notification.send(state.encode())
    except OSError as error:
        log.warning("NOTIFY_SOCKET %s could not be told %s: %s", address, state, error)


class Watchdog:
    """Tells systemd that we are alive, if it asks for that; ``seconds`` is how often ``feed`` is to be called."""

    def __init__(self) -> None:
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        is_ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # A quarter: fed every half as is advised, even if one turn comes late.
        self.seconds = int(microseconds) / 4e6 if is_ours and microseconds.isdigit() else 0.0
        self._due = 0.0

    def feed(self) -> None:
        """Tell it again, if it is time."""
        if self.seconds and time.monotonic() >= self._due:
            notify("WATCHDOG=1", seconds=0)  # it is told again soon, and callers do not wait meanwhile
            self._due = time.monotonic() + self.seconds
