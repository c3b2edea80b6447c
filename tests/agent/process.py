"""Agents as processes: started, looked at from outside, stopped and killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.runtime import DOOR, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.namespaces import Namespace

SECONDS = 60.0
PAUSE = 0.01


def until(true: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Wait for something that happens in another process and is announced nowhere."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(PAUSE)


class Agent:
    """A running agent on ``socket``, which has told that it is ready; a context manager that stops it.

    ``command`` is another program that makes an agent, with the socket's path as its last argument.
    """

    def __init__(
        self,
        socket_path: Path,
        *options: str,
        command: tuple[str | Path, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.socket = socket_path
        self.log = socket_path.with_name(f"{socket_path.name}.log")
        self.told: list[str] = []
        self._notified = socket_path.with_name(f"{socket_path.name}.notify-{time.monotonic_ns() % 10**9}")
        self._notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._notifications.bind(str(self._notified))
        variables = {"PATH": os.environ["PATH"], "CNI_MACVLAN_SETTINGS": "/nonexistent"} | (environment or {})
        argv = [*command, socket_path] if command else [DOOR, "agent", "--socket", socket_path, *options]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [str(word) for word in argv], env={"NOTIFY_SOCKET": str(self._notified)} | variables, cwd=REPOSITORY,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.pid = self.process.pid

    def wait_ready(self) -> Self:
        """Wait until it says that it is; one that never does is killed, and in nobody's way."""
        try:
            self.wait_told("READY=1")
        except BaseException:
            self.kill()
            raise
        return self

    def wait_told(self, what: str, times: int = 1) -> None:
        """Wait until it has told systemd something, so many times from now on."""
        deadline = time.monotonic() + SECONDS
        while times:
            self._notifications.settimeout(PAUSE * 10)
            try:
                told = self._notifications.recv(4096).decode()
            except TimeoutError:
                assert self.process.poll() is None, f"the agent has ended: {self.log.read_text()}"
                assert time.monotonic() < deadline, f"never told: {what}, only {self.told}"
                continue
            self.told.append(told)
            times -= told == what

    def stop(self) -> None:
        """SIGTERM, which it has to follow and be content."""
        self.process.send_signal(signal.SIGTERM)
        self.ended()

    def ended(self) -> None:
        """It ends by itself, content, and nothing of it is left."""
        assert self.process.wait(SECONDS) == 0, self.log.read_text()
        self._close()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(SECONDS)
        self._close()

    def _close(self) -> None:
        self._notifications.close()
        self._notified.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self.wait_ready()

    def __exit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.stop()
        assert "Traceback" not in self.log.read_text(), self.log.read_text()

    def descriptors(self) -> list[str]:
        """What its descriptors refer to, sorted; numbers of sockets and the like left out."""
        return descriptors(self.pid)

    def is_resting(self) -> bool:
        """Whether it holds no caller's namespace: those are what it lets go of last, after its answer was read."""
        held = self.descriptors()
        return (held.count("net"), held.count("mnt")) == (1, 1) and not [each for each in held if "/netns/" in each]

    def at_work_on(self, container: Namespace) -> int:
        """How many of its calls have got as far as to hold a container's namespace."""
        held = os.listdir(f"/proc/{self.pid}/fd")  # noqa: PTH208 - names
        links = [_target(Path(f"/proc/{self.pid}/fd/{number}")) for number in held]
        return links.count(f"net:[{container.path.stat().st_ino}]")

    def threads(self) -> list[int]:
        """Its threads."""
        return [int(name) for name in os.listdir(f"/proc/{self.pid}/task")]  # noqa: PTH208

    def children(self) -> list[int]:
        """Its child processes, dead ones too; call it when no thread of the agent is about to end."""
        listed = [Path(f"/proc/{self.pid}/task/{thread}/children").read_text() for thread in self.threads()]
        return [int(pid) for pid in " ".join(listed).split()]

    def memory(self) -> int:
        """KiB that are its own."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(("Private_", "Swap:")))

    def is_home(self) -> bool:
        """Whether all its threads come to stand where the process was started: its answer may overtake its way home."""
        deadline = time.monotonic() + SECONDS
        while not (home := self._stands_at_home()) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        return home

    def _place_of(self, thread: int) -> list[str]:
        """Network and mount namespace, and root directory; its main thread never leaves them."""
        task = Path(f"/proc/{self.pid}/task/{thread}")
        return [str((task / what).readlink()) for what in ("ns/net", "ns/mnt", "root")]

    def _stands_at_home(self) -> bool:
        try:
            home = self._place_of(self.pid)
            return all(self._place_of(thread) == home for thread in self.threads())
        except (FileNotFoundError, PermissionError):  # a thread that was lost abroad has ended, or is about to
            return False


def inside_python(text: str) -> tuple[str, ...]:
    """The command that runs a text with the plugin's modules and the rest of the command line as ``sys.argv``."""
    return (sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{text}")


def descriptors(pid: int) -> list[str]:
    """What a process's descriptors refer to, sorted; numbers of sockets and the like left out."""
    targets = [_target(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    return sorted(target.partition(":[")[0] for target in targets if target)


def _target(entry: Path) -> str:
    """What a descriptor refers to, "" if it was closed meanwhile."""
    try:
        return os.readlink(entry)  # noqa: PTH115 - socket:[1] is no path
    except FileNotFoundError:
        return ""
