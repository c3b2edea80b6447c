"""Somebody who dies in the middle of a call: the plugin, or what it executes."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from tests.reference import NEW, reference

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.soak.actions import Call

PAUSE: Final = 0.002


@contextmanager
def killing(call: Call, process: subprocess.Popen[str], usual: float) -> Iterator[None]:
    """Have the one that is to be killed die at its moment of a ``usual`` call's seconds, if it is there then."""
    if not call.kill:
        yield
        return
    moment = call.moment * usual
    over = threading.Event()

    def kill() -> None:
        if call.kill == "plugin":
            over.wait(moment)
            process.kill()
            return
        while not over.wait(PAUSE):
            for pid in _delegates():
                over.wait(moment / 50)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def _delegates() -> list[int]:
    """The executed IPAM plugins; the whole pid namespace is ours."""
    found = []
    wanted = str((reference(NEW) / "host-local").resolve())
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if os.readlink(f"/proc/{entry.name}/exe") == wanted:  # noqa: PTH115 - it may have ended
                    found.append(int(entry.name))
    return found
