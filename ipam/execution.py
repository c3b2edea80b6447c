"""Somebody else's executable, run with one input to its end, or until its time is up or its answer too long."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from conf.errors import TryAgain
from ipam.waiting import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

AT_ONCE: Final = 16
"""Executables that one process runs at the same time, whatever hangs: each takes memory of its own."""
DEATH_SECONDS: Final = 1.0
LONGEST_ANSWER: Final = 1 << 20
"""Bytes of stdout; a result has some hundred."""


_turns = threading.BoundedSemaphore(AT_ONCE)


class AnswerTooLong(Exception):
    """It wrote more than ``LONGEST_ANSWER`` and was killed."""


def execute(
    path: str, stdin: bytes, variables: Mapping[str, str], descriptors: Sequence[int], seconds: float
) -> tuple[int, bytes]:
    """Run it with this environment and these descriptors inherited; its status and stdout. Its stderr is ours.

    Its end is the end of what it prints, by itself or by what it has started. Raises OSError where it cannot be run,
    TimeoutError or AnswerTooLong where it was killed, together with what it has started, TryAgain where others take
    all of the time.
    """
    deadline = time.monotonic() + seconds
    with waiting(), _turn(path, seconds):
        return _execute(path, stdin, variables, descriptors, deadline)


@contextmanager
def _turn(path: str, seconds: float) -> Iterator[None]:
    if not _turns.acquire(timeout=seconds):
        text = f'IPAM plugin "{path}" could not be run: {AT_ONCE} others have run for {seconds:.0f} s; call again'
        raise TryAgain(text, "so many are run at the same time; mend what they wait for")
    try:
        yield
    finally:
        _turns.release()


def _execute(
    path: str, stdin: bytes, variables: Mapping[str, str], descriptors: Sequence[int], deadline: float
) -> tuple[int, bytes]:
    with open(os.memfd_create("stdin", os.MFD_CLOEXEC), "w+b", buffering=0) as document:
        document.write(stdin)
        document.seek(0)
        # A group of its own, to be killed as a whole.
        process = subprocess.Popen(  # noqa: S603 - executing what CNI_PATH holds is the protocol
            [path], stdin=document, stdout=subprocess.PIPE, env=_understood(variables), pass_fds=descriptors,
            process_group=0,
        )  # fmt: skip
    try:
        stdout = _read_answer(process, deadline)
        process.wait(max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    finally:
        _end(process)
    return process.returncode, stdout


def _understood(variables: Mapping[str, str]) -> Mapping[str, str]:
    """The variables for a program that looks itself up in /proc, which is the caller's and may not know it by its id.

    CNI's Go library compares CNI_NETNS with ``/proc/PID/task/TID/ns/net`` before anything else, with the ids that it
    has in our pid namespace. The comparison was made here, with the namespace itself; it is told to do without.
    """
    return variables if _is_known_to_proc() else {**variables, "CNI_NETNS_OVERRIDE": "1"}


def _is_known_to_proc() -> bool:
    """Whether /proc numbers processes as we do: our ids are listed from its pid namespace down to ours (Linux 4.1)."""
    try:
        with open("/proc/self/status", "rb") as status:
            return not any(line.startswith(b"NSpid:") and len(line.split()) > len(("NSpid:", "id")) for line in status)
    except FileNotFoundError:  # of another branch of pid namespaces
        return False


def _read_answer(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    descriptor = process.stdout.fileno()  # type: ignore[union-attr] # it was asked for
    readable = select.poll()  # unlike select(), whatever the descriptor's number
    readable.register(descriptor, select.POLLIN)
    chunks: list[bytes] = []
    size = 0
    while readable.poll(max(deadline - time.monotonic(), 0) * 1000):
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
        if size > LONGEST_ANSWER:
            raise AnswerTooLong
    raise TimeoutError


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # it may have left its group
        with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel, and dies when it comes out
            process.wait(DEATH_SECONDS)
    if process.stdout:
        process.stdout.close()
