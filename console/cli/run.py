"""What a person has typed → the command that it names, and the exit status."""

from __future__ import annotations

import os
import sys

from conf.printable import printable
from conf.versions import SUPPORTED
from plugin.release import HOME, PROGRAM, version_of

COMPLETE = "_CNI_MACVLAN_PY_COMPLETE"
"""The variable by which a shell asks what could be typed next, as click names it; see the command ``completion``."""


def run(arguments: list[str]) -> int:
    """Run the command and return its exit status, which ``--help`` explains."""
    _open_what_is_closed()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a file of the interpreter's own
    if not arguments and COMPLETE not in os.environ:
        return _say_what_we_are()
    try:
        try:
            status = _serve(arguments)
        except SystemExit as end:  # whoever raised it has said what there is to say
            status = end.code if isinstance(end.code, int) else 1
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our words has gone
        return 1
    except OSError as error:
        sys.stderr.write(printable(f"{' '.join([PROGRAM, *arguments[:1]])}: {error}") + "\n")
        return 1
    return status


def _say_what_we_are() -> int:
    """Say what the reference plugins say to who calls them without a word, in the launcher's very words.

    Nomad executes every plugin so, and takes the first semantic version for the plugin's.
    """
    try:
        version = version_of(HOME)
    except OSError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 1
    sys.stderr.write(
        f"CNI macvlan plugin v{version}\n"
        f"CNI protocol versions supported: {', '.join(SUPPORTED)}\n"
        f"{PROGRAM} --help lists the commands for people\n"
    )
    return 0


def _open_what_is_closed() -> None:
    """Have words go nowhere whose descriptor is closed: Python has no file for it, and the next one opened takes it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - stays open


def _serve(arguments: list[str]) -> int:
    if arguments[:1] == ["agent"]:  # lives long: what only people need would stay in its memory
        from agent.command import run_agent  # noqa: PLC0415 - one command need not load the others

        return run_agent(arguments[1:])
    from console.cli.commands import serve  # noqa: PLC0415 - click is for those who have typed a command

    return serve(arguments)
