"""Calls kept for ``trace``: a JSON file for each in the setting's ``record_dir``, the newest hundred of them."""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from conf.errors import CniError
from plugin.render import render_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.document import Document
    from conf.environment import Environment
    from plugin.node import Node

KEPT = 100
SUFFIX = ".call.json"

log = logging.getLogger(__name__)


def recorded(
    serve: Callable[[Callable[[bytes], None]], None],
    environment: Environment,
    document: Document,
    node: Node,
    deliver: Callable[[bytes], None],
) -> None:
    """Serve a call and keep it with its answer; that it cannot be kept fails no call."""
    answers = []
    begun, started = time.time_ns(), time.monotonic()

    def deliver_and_keep(text: bytes) -> None:
        deliver(text)
        answers.append(text)

    try:
        serve(deliver_and_keep)
    except CniError as error:
        answers.append(render_error(error, document.version))
        raise
    finally:
        variables = {name: value for name, value in environment.variables.items() if name.startswith("CNI_")}
        call = {
            "time": begun / 1e9,
            "seconds": round(time.monotonic() - started, 6),
            "executable": node.executable,
            "environment": variables,
            "stdin": document.stdin.decode(errors="replace"),
            "answer": answers[0].decode() if answers else None,
        }
        try:
            _keep(node.settings.record_dir, f"{begun}-{environment.command}-{os.getpid()}{SUFFIX}", call)
        except OSError as error:
            log.warning('the call was not recorded: %s; see "record_dir" in the settings', error)


def _keep(directory: str, name: str, call: dict[str, object]) -> None:
    """Write the file, for root alone, and remove what is too much; names begin with the time."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    descriptor = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(call, file, indent=2)
    for old in sorted(each for each in os.listdir(directory) if each.endswith(SUFFIX))[:-KEPT]:
        with suppress(FileNotFoundError):  # another call was faster
            os.unlink(os.path.join(directory, old))
