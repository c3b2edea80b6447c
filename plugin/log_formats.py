"""Log lines for programs: one JSON object each, or one datagram to journald with the same facts as fields."""

from __future__ import annotations

import json
import logging
import socket
import struct
import sys
import time

from conf.errors import InvalidSettings
from conf.printable import printable
from plugin.log import NAMES, Bounded

FACTS = (*NAMES, "code", "duration_ms")
JOURNAL = "/run/systemd/journal/socket"
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}  # syslog(3)
SEND_BUFFER = 8 << 20
LENGTH = struct.Struct("<Q")

_plain = Bounded("%(message)s")


def facts(record: logging.LogRecord) -> dict[str, str | int | float]:
    """What a line knows about its call, e.g. ``{"verb": "ADD", "code": 107}``; what it does not know is left out."""
    return {name: value for name in FACTS if (value := record.__dict__.get(name, "")) != ""}


class JsonFormatter(logging.Formatter):
    """A line as one JSON object: time, level and message, and what is known about the call."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it; what spans lines, such as a traceback, is inside ``message``."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = {"time": f"{seconds}.{int(record.msecs):03}Z", "level": record.levelname.lower()}
        return json.dumps(head | facts(record) | {"message": _plain.format(record)})


class JournalHandler(logging.Handler):
    """Sends each line to journald (systemd.io/JOURNAL_NATIVE_PROTOCOL), or to stderr where it does not take it.

    Connected once: a thread of the agent may later stand where the path leads elsewhere. Raises InvalidSettings.
    """

    def __init__(self) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        try:
            self._socket.connect(JOURNAL)
        except OSError as error:
            self._socket.close()
            raise InvalidSettings(
                f'"log_format" = "journal" needs journald: {JOURNAL}: {error.strerror}; mend the settings',
                '"json" writes the same facts to a file or to stderr',
            ) from error

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line; nobody waits for a journald that is stuck."""
        try:
            self._socket.send(_datagram(record))
        except OSError as error:
            sys.stderr.write(
                printable(f"journald took no line: {error.strerror}; it was: {_plain.format(record)}") + "\n"
            )

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def _datagram(record: logging.LogRecord) -> bytes:
    fields = {
        "MESSAGE": _plain.format(record),
        "PRIORITY": PRIORITIES[record.levelno],
        "SYSLOG_IDENTIFIER": "cni-macvlan-py",
    } | {f"CNI_{name.upper()}": value for name, value in facts(record).items()}
    return b"".join(_field(name, str(value).encode(errors="backslashreplace")) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    """One field; a value may have line ends, and so is counted and not delimited."""
    return name.encode() + b"\n" + LENGTH.pack(len(value)) + value + b"\n"
