"""Where log lines go: stderr or the settings' file, never stdout; every line names the verb and the container."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from conf.errors import InvalidSettings

if TYPE_CHECKING:
    from conf.settings import Settings


def set_up(settings: Settings, verb: str, container_id: str, ifname: str) -> None:
    """Send this process's log where the settings say. Raises InvalidSettings for a file that cannot be written."""
    handler: logging.Handler
    if settings.log_file:
        try:
            handler = logging.FileHandler(settings.log_file)
        except OSError as error:
            raise InvalidSettings(
                f'"log_file" = "{settings.log_file}" cannot be written: {error.strerror}; mend the settings',
                "its directory has to exist",
            ) from error
    else:
        handler = logging.StreamHandler()
    call = " ".join(filter(None, ("cni-macvlan-py", verb, container_id, ifname))).replace("%", "%%")
    handler.setFormatter(logging.Formatter(f"%(asctime)s {call}: %(levelname)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
