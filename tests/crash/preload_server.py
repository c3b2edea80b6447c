"""The program behind ``preload.py``: imports the plugin once, then forks a process for each call.

argv: directories to put on the path. stdin and stdout: one JSON line for each batch of calls. It lives in a mount
namespace of its own, so that what is mounted for a test is seen by nobody else and dies with it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import posix
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

CLONE_NEWNS = 0x00020000
PR_SET_CHILD_SUBREAPER = 36
STRAY_SECONDS = 60.0
UNHANDLED = 99


class DOOR:
    """The door, compiled once; its path is the first argument."""

    path = str(Path(sys.argv[1], "cni-macvlan-py"))
    code = compile(Path(path).read_bytes(), path, "exec")


def become_alone() -> None:
    """Leave the machine's mounts alone and inherit the orphans of killed calls."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rslave", "/"], check=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Call:
    """One forked call: where its output goes and when it is to be killed."""

    def __init__(self, what: dict[str, Any]) -> None:
        self.files = {name: os.memfd_create(name) for name in ("stdin", "stdout", "stderr", "report")}
        os.write(self.files["stdin"], what["stdin"].encode())
        os.lseek(self.files["stdin"], 0, os.SEEK_SET)
        self.began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            serve(what, self.files)
        after = what.get("kill_after")
        self.kill_at = None if after is None else self.began + after
        self.status: int | None = None
        self.seconds = 0.0

    def ended(self, wait_status: int) -> None:
        self.status = os.waitstatus_to_exitcode(wait_status)
        self.seconds = time.monotonic() - self.began

    def answer(self) -> dict[str, Any]:
        """Everything there is to tell; closes the files."""
        texts = {}
        for name, descriptor in self.files.items():
            os.lseek(descriptor, 0, os.SEEK_SET)
            with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
                texts[name] = file.read()
        report = [json.loads(line) for line in texts["report"].splitlines()]
        return {"status": self.status, "seconds": self.seconds, "report": report} | {
            name: texts[name] for name in ("stdout", "stderr")
        }


def serve(what: dict[str, Any], files: dict[str, int]) -> None:
    """In the child: be the process that the runtime executed, from the first line of the door on."""
    from tests.crash import faults  # noqa: PLC0415 - on the path by now

    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.environ.clear()
        os.environ.update(what["env"])
        posix.environ.clear()
        posix.environ.update({os.fsencode(key): os.fsencode(value) for key, value in what["env"].items()})
        sys.argv = [what["executable"]]
        os.dup2(files["stdin"], 0)
        os.dup2(files["stderr"], 2)
        os.dup2(files["stdout"], 1)
        faults.arrange(what.get("fault") or {}, files["report"])
        exec(DOOR.code, {"__name__": "__main__", "__file__": DOOR.path})  # noqa: S102 - the plugin under test
    finally:  # only an exception comes this far
        sys.setprofile(None)
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(UNHANDLED)


def run(batch: list[dict[str, Any]]) -> dict[str, Any]:
    """Start all calls at once and wait for all; then for processes that they left behind."""
    calls = [Call(what) for what in batch]
    running = {call.pid: call for call in calls}
    orphans = 0
    while running:
        orphans += reap(running)
        now = time.monotonic()
        due = [call for call in running.values() if call.kill_at is not None]
        for call in due:
            if call.kill_at is not None and call.kill_at <= now:
                os.kill(call.pid, signal.SIGKILL)
                call.kill_at = None
        wait = min((call.kill_at - now for call in due if call.kill_at is not None), default=1.0)
        if running and wait > 0:
            signal.sigtimedwait([signal.SIGCHLD], wait)
    strays = wait_for_strays()
    return {"answers": [call.answer() for call in calls], "orphans": orphans + strays[0], "strays": strays[1]}


def reap(running: dict[int, Call]) -> int:
    """Collect what has ended; returns how many of them were not calls but children of calls."""
    orphans = 0
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return orphans
        if not pid:
            return orphans
        call = running.pop(pid, None)
        if call is None:
            orphans += 1
        else:
            call.ended(status)


def wait_for_strays() -> tuple[int, bool]:
    """How many orphans ended by themselves, and whether some never did."""
    deadline = time.monotonic() + STRAY_SECONDS
    ended = 0
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if pid:
            ended += 1
        else:
            signal.sigtimedwait([signal.SIGCHLD], 0.05)
    return ended, True


def mount(request: dict[str, Any]) -> dict[str, Any]:
    """Run a mount command in this mount namespace."""
    done = subprocess.run(request["run"], capture_output=True, text=True, check=False)
    return {"status": done.returncode, "output": done.stdout + done.stderr}


def import_everything() -> None:
    """Import what a call may import, so that what is disturbed is what a call does."""
    for room in ("conf", "ipam", "link", "plugin"):
        for module in pkgutil.walk_packages([str(Path(sys.argv[1], room))], f"{room}."):
            importlib.import_module(module.name)
    for name in ("difflib", "tomllib", "tests.crash.faults"):
        importlib.import_module(name)


def main() -> None:
    """Serve batches until stdin ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    sys.path[:0] = sys.argv[1:]
    become_alone()
    import_everything()
    for line in sys.stdin:
        request = json.loads(line)
        answer = mount(request) if "run" in request else run(request["calls"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
