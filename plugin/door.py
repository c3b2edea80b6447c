"""What a process of ours is for: one call of a runtime, served by the agent or else here, or a person's command."""

import posix
import sys

from plugin import client
from plugin.stdin import Stdin

CALLED_AS = b"CNI_MACVLAN_CALLED_AS"


def main() -> int:
    """Do what this process was executed for and return its exit status."""
    if posix.environ.get(b"CNI_COMMAND"):
        return _serve_call()
    from console.cli.run import run  # noqa: PLC0415 - for people, who can wait for it

    return run(sys.argv[1:])


def _serve_call() -> int:
    answer = _reserve_stdout()
    stdin = Stdin(optional=posix.environ[b"CNI_COMMAND"] == b"VERSION")
    # The launcher hands it over, because a script loses argv[0]. It is this call's alone: another plugin that we
    # execute, which may be ourselves by another name, must not see it.
    executable = posix.environ.pop(CALLED_AS, b"") or sys.argv[0].encode("utf-8", "surrogateescape")
    posix.unsetenv(CALLED_AS)
    try:
        status = client.ask(posix.environ, executable, stdin, answer)
    except client.AgentFailure as failure:
        return _refuse(str(failure), answer)
    if status is not None:
        return status
    import os  # noqa: PLC0415 - only a call without agent needs more modules

    from plugin.main import serve  # noqa: PLC0415 - as above

    return serve(os.fsdecode(executable), stdin.read, answer)


def _refuse(reason: str, answer: int) -> int:
    from plugin.main import refuse  # noqa: PLC0415 - only a call that the agent failed needs more modules

    try:
        return refuse(reason, answer)
    except OSError as error:
        sys.stderr.write(f"the answer could not be written: {error}; it was: {reason}\n")
        return 1


def _reserve_stdout() -> int:
    """Keep the real stdout for the one answer; whatever prints by mistake is sent to stderr.

    A runtime may have closed any of the three: then no file opened later may take its number.
    """
    for descriptor in (0, 1, 2):
        try:
            posix.fstat(descriptor)
        except OSError:
            posix.open("/dev/null", posix.O_RDONLY)  # the lowest free number; writing to it fails, as to a closed one
    if sys.stderr is None:
        sys.stderr = open("/dev/null", "w")  # noqa: SIM115 - stays open; Python gives it None where 2 was closed
    answer = posix.dup(1)
    posix.dup2(2, 1)
    return answer
