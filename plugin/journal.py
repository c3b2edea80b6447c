"""Log lines as datagrams to journald, with what is known about the call as fields."""

from __future__ import annotations

import logging
import socket
import struct
import sys

from conf.errors import InvalidSettings
from conf.printable import printable
from plugin.log_formats import facts, message_of

JOURNAL = "/run/systemd/journal/socket"
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}  # syslog(3)
SEND_BUFFER = 8 << 20
LENGTH = struct.Struct("<Q")


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
            sys.stderr.write(printable(f"journald took no line: {error.strerror}; it was: {message_of(record)}") + "\n")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def _datagram(record: logging.LogRecord) -> bytes:
    fields = {
        "MESSAGE": message_of(record),
        "PRIORITY": PRIORITIES[record.levelno],
        "SYSLOG_IDENTIFIER": "cni-macvlan-py",
    } | {f"CNI_{name.upper()}": value for name, value in facts(record).items()}
    return b"".join(_field(name, str(value).encode(errors="backslashreplace")) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    """One field; a value may have line ends, and so is counted and not delimited."""
    return name.encode() + b"\n" + LENGTH.pack(len(value)) + value + b"\n"
