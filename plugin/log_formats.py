"""What a line of the log looks like: text for people, or one JSON object; and what it says about its call."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from conf.printable import printable, shortened

NAMES = ("verb", "container_id", "ifname", "network")
"""What each line says about its call; the line about a call's end has ``code`` and ``duration_ms`` as well."""
FACTS = (*NAMES, "code", "duration_ms")


class _Bounded(logging.Formatter):
    """Lines that no traceback makes endless; its last line may be another program's."""

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802 - as the class that it is of
        """The traceback."""
        return shortened(super().formatException(ei))


class OneLine(_Bounded):
    """Text in which a message, which may be another program's, cannot begin a line, nor move a terminal's cursor."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as the class that it is of
        """The line, all of it printable."""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802 - as above
        """The traceback, printable and indented."""
        return "\n".join(f"  {printable(line)}" for line in super().formatException(ei).split("\n"))


_plain = _Bounded("%(message)s")


def message_of(record: logging.LogRecord) -> str:
    """The message and its traceback, whose length is bounded."""
    return _plain.format(record)


def facts(record: logging.LogRecord) -> dict[str, str | int | float]:
    """What a line knows about its call, e.g. ``{"verb": "ADD", "code": 107}``; what it does not know is left out."""
    return {name: value for name in FACTS if (value := record.__dict__.get(name, "")) != ""}


class JsonFormatter(logging.Formatter):
    """A line as one JSON object: time, level and message, and what is known about the call."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it; what spans lines, such as a traceback, is inside ``message``."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = {"time": f"{seconds}.{int(record.msecs):03}Z", "level": record.levelname.lower()}
        return json.dumps(head | facts(record) | {"message": message_of(record)})
