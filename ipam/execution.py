"""Somebody else's executable, run with one input to its end, or until its time is up."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEATH_SECONDS: Final = 1.0


def execute(
    path: str, stdin: bytes, variables: Mapping[str, str], descriptors: Sequence[int], seconds: float
) -> tuple[int, bytes]:
    """Run it with this environment and these descriptors inherited; its status and stdout. Its stderr is ours.

    Its end is the end of what it prints, by itself or by what it has started. Raises OSError where it cannot be run,
    TimeoutError where it was killed after so many seconds, together with what it has started.
    """
    # A group of its own, to be killed as a whole.
    process = subprocess.Popen(  # noqa: S603 - executing what CNI_PATH holds is the protocol
        [path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=variables,
        pass_fds=descriptors,
        process_group=0,
    )
    try:
        stdout, _ = process.communicate(stdin, seconds)
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    finally:
        _end(process)
    return process.returncode, stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # it may have left its group
        with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel, and dies when it comes out
            process.wait(DEATH_SECONDS)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(BrokenPipeError):  # what it has not read
                pipe.close()
