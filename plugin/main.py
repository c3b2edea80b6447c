"""The process that serves a call itself: stdin, signals, the answer and the exit status."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from conf.errors import TryAgain
from conf.versions import LATEST
from plugin.dispatch import dispatch
from plugin.render import render_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.document import Document
    from conf.environment import Environment
    from conf.errors import CniError
    from conf.settings import Settings
    from plugin.node import Node


def serve(executable: str, read_stdin: Callable[[], bytes], answer: int) -> int:
    """Serve the call of this process; the answer goes to the descriptor ``answer``."""
    began = time.monotonic()
    stop: list[int] = []
    used: list[Settings] = []
    # Told to stop, a call goes on to where it can be undone whole (ADD) or to its end (DEL).
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: stop.append(received))

    def find_node(environment: Environment, document: Document) -> Node:
        from plugin import log  # noqa: PLC0415 - VERSION and malformed input are answered without
        from plugin.node import Node, read_settings  # noqa: PLC0415 - as above

        settings = read_settings(environment.variables)
        used.append(settings)
        log.set_up(settings)
        log.name_call(environment, document.network)
        return Node(settings, executable, lambda: bool(stop))

    failure = dispatch(dict(os.environ), read_stdin, lambda text, _: _write(answer, text), find_node)
    if used:
        _end(answer, used[0], failure, began)
    return int(failure is not None)


def _end(answer: int, settings: Settings, failure: CniError | None, began: float) -> None:
    """What is left to do once the answer is out."""
    from plugin import log  # noqa: PLC0415 - as above

    log.end_call(failure, began)
    if settings.agent == "auto":
        from plugin.spawn import leave_agent  # noqa: PLC0415 - a setting that few nodes have

        os.close(answer)  # who waits for the end of our output need not wait for the agent
        leave_agent()


def refuse(reason: str, answer: int) -> int:
    """Answer that the call should be tried again, and return the exit status."""
    _write(answer, render_error(TryAgain(f"{reason}; try again", "see the log of the agent"), LATEST))
    return 1


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]
