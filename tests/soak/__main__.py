"""A random walk over everything that a node can do, on a real kernel, judged step by step.

By hand, as root: ``make soak``, or ``make soak SEED=7 SECONDS=600``; Ctrl-C ends it and leaves nothing.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
from pathlib import Path

from tests.soak.judge import Violation
from tests.soak.machine import Machine, in_its_own


def main() -> int:
    """Run it as the command line says; 1 for a violation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--history", type=Path, help="where every step is written to in the end, a line of JSON each")
    parser.add_argument("--without", action="append", default=[], metavar="KIND", help="events that do not happen")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if chosen.seed is None else chosen.seed
    if not chosen.inside:
        words = ["--seed", str(seed), "--seconds", str(chosen.seconds)]
        words += [f"--without={kind}" for kind in chosen.without]
        words += ["--history", str(chosen.history.resolve())] if chosen.history else []
        _say(f"seed {seed}")
        command = in_its_own(*words)
        os.execvp(command[0], command)  # noqa: S606 - it takes our place
    return _walk(Machine(seed, chosen.seconds, _say, without=frozenset(chosen.without)), chosen.history)


def _walk(machine: Machine, history: Path | None) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status = 0
    try:
        machine.run()
    except KeyboardInterrupt:
        _say("interrupted")
    except Violation as violation:
        _say("\n".join([f"VIOLATION, seed {machine.seed}: {violation}", *violation.__notes__]))
        status = 1
    if history is not None:
        history.write_text(machine.history.path.read_text())
    _say(machine.figures())
    return status


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
