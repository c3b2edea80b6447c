"""Where log lines go: stderr or the settings' file, never stdout; every line names the verb and the container."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING

from conf.errors import InvalidSettings

if TYPE_CHECKING:
    from conf.environment import Environment
    from conf.settings import Settings

FORMAT = "%(asctime)s cni-macvlan-py%(call)s: %(levelname)s: %(message)s"

_call: ContextVar[str] = ContextVar("call", default="")


def set_up(settings: Settings) -> None:
    """Send this process's log where the settings say. Raises InvalidSettings for a file that cannot be written."""
    handler: logging.Handler
    if settings.log_file:
        try:
            handler = logging.FileHandler(settings.log_file, errors="backslashreplace")
        except OSError as error:
            raise InvalidSettings(
                f'"log_file" = "{settings.log_file}" cannot be written: {error.strerror}; mend the settings',
                "its directory has to exist",
            ) from error
    else:
        handler = logging.StreamHandler()
    handler.addFilter(_add_call)
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())


def name_call(environment: Environment) -> None:
    """Name the call that this thread serves in its log lines."""
    words = (environment.command, environment.container_id, environment.ifname)
    _call.set("".join(f" {word}" for word in words if word))


def _add_call(record: logging.LogRecord) -> bool:
    record.call = _call.get()
    return True
