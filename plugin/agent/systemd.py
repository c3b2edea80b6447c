"""What systemd tells a service and wants to be told: sd_listen_fds(3) and sd_notify(3)."""

from __future__ import annotations

import os
import socket

LISTEN_FDS_START = 3


def inherited_socket() -> socket.socket | None:
    """The listening socket of a socket unit, None if we were started otherwise."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    os.set_inheritable(LISTEN_FDS_START, False)  # noqa: FBT003 - the name tells
    return socket.socket(fileno=LISTEN_FDS_START)


def notify(state: str) -> None:
    """Tell systemd, e.g. READY=1; without systemd nobody is told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notification:
        notification.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def watchdog_seconds() -> float | None:
    """How often WATCHDOG=1 is due at the latest, halved as sd_watchdog_enabled(3) advises; None if never."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if microseconds.isdigit() else None
