"""Where log lines go: stderr, a file or the journal, never stdout; every line names the call that it is about."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from conf.errors import InvalidSettings
from conf.printable import printable, shortened
from ipam.regular import open_regular
from ipam.store.privilege import cure_of_refusal
from plugin.log_formats import NAMES, JsonFormatter, OneLine

if TYPE_CHECKING:
    from io import TextIOWrapper

    from conf.environment import Environment
    from conf.errors import CniError
    from conf.settings import Settings

FORMAT = "%(asctime)s cni-macvlan-py%(call)s: %(levelname)s: %(message)s"

log = logging.getLogger(__name__)

_call: ContextVar[tuple[str, ...]] = ContextVar("call", default=())


def set_up(settings: Settings) -> None:
    """Send this process's log where the settings say. Raises InvalidSettings for what cannot be written to."""
    handler = _handler(settings)
    handler.addFilter(_add_call)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())


def name_call(environment: Environment, network: str) -> None:
    """Name the call that this thread serves in its log lines."""
    _call.set(tuple(map(shortened, (environment.command, environment.container_id, environment.ifname, network))))


def end_call(failure: CniError | None, began: float) -> None:
    """Tell how the named call ended, which began at that time of the monotonic clock, and forget its name."""
    if _call.get() and log.isEnabledFor(logging.INFO):
        code = failure.code if failure else 0
        duration = round((time.monotonic() - began) * 1000, 1)
        log.info(
            "ended with code %d after %s ms%s", code, duration, f": {failure}" if failure else "",
            extra={"code": code, "duration_ms": duration},
        )  # fmt: skip
    _call.set(())


class _File(logging.FileHandler):
    """A regular file, or a device such as a terminal: a line for a FIFO would wait until somebody reads it."""

    def _open(self) -> TextIOWrapper:
        path = self.baseFilename
        try:
            descriptor = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            if error.errno != errno.EINVAL or not stat.S_ISCHR(os.stat(path).st_mode):
                raise
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
        return open(descriptor, "a", encoding=self.encoding, errors=self.errors)


def _handler(settings: Settings) -> logging.Handler:
    if settings.log_format == "journal":
        from plugin.journal import JournalHandler  # noqa: PLC0415 - for nodes whose settings ask for it

        return JournalHandler()
    handler = _file(settings.log_file) if settings.log_file else logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else OneLine(FORMAT))
    return handler


def _file(path: str) -> logging.Handler:
    try:
        return _File(path, errors="backslashreplace")
    except OSError as error:
        raise InvalidSettings(
            f'"log_file" = "{path}" cannot be written: {error.strerror}; {cure_of_refusal(error, "mend the settings")}',
            "its directory has to exist",
        ) from error


def _add_call(record: logging.LogRecord) -> bool:
    words = _call.get()
    record.call = printable("".join(f" {word}" for word in words if word))
    record.msg, record.args = shortened(record.getMessage()), None
    record.__dict__.update(zip(NAMES, words, strict=False))
    return True
