"""The process boundary: environment, stdin, stdout, signals and the exit status."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from conf.versions import SUPPORTED
from plugin.dispatch import dispatch

if TYPE_CHECKING:
    from conf.environment import Environment
    from plugin.node import Node

ABOUT = "CNI macvlan plugin cni-macvlan-py\nCNI protocol versions supported: " + ", ".join(SUPPORTED)
HUGE = 16 << 20  # bytes of stdin; a network configuration has some hundred


def main() -> int:
    """Serve the call that this process was executed for and return its exit status."""
    if "CNI_COMMAND" in os.environ:
        return _serve_call()
    if len(sys.argv) > 1:
        from plugin.cli import run  # noqa: PLC0415 - for people only

        return run(sys.argv[1:])
    print(ABOUT, file=sys.stderr)  # noqa: T201 - a person has called us by hand
    return 0


def _serve_call() -> int:
    answer = _reserve_stdout()
    stop: list[int] = []
    # Told to stop, a call goes on to where it can be undone whole (ADD) or to its end (DEL).
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: stop.append(received))

    def deliver(text: bytes, _status: int) -> None:
        while text:
            text = text[os.write(answer, text) :]

    def find_node(environment: Environment) -> Node:
        from plugin import log  # noqa: PLC0415 - VERSION and malformed input are answered without
        from plugin.node import Node, read_settings  # noqa: PLC0415 - as above

        settings = read_settings(environment.variables)
        log.set_up(settings)
        log.name_call(environment)
        return Node(settings, sys.argv[0], lambda: bool(stop))

    return dispatch(dict(os.environ), _read_stdin, deliver, find_node)


def _reserve_stdout() -> int:
    """Keep the real stdout for the one answer; whatever prints by mistake is sent to stderr.

    A runtime may have closed any of the three: then no file opened later may take its number.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # the lowest free number; writing to it fails, as to a closed one
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer


def _read_stdin() -> bytes:
    chunks = []
    size = 0
    while chunk := os.read(0, 1 << 16):
        chunks.append(chunk)
        size += len(chunk)
        if size > HUGE:
            raise OSError(f"more than {HUGE} bytes")
    return b"".join(chunks)
