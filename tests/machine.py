"""A machine of a test's own: systemd over a throw-away copy of the root, in a network namespace of the test LAN."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.namespaces import PREFIX, fresh_suffix

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.namespaces import Namespace

BOOT = Path(__file__).with_suffix(".sh")
CHECKOUT = Path(__file__).resolve().parent.parent
SECONDS = 200.0
"""More than anything takes on a busy machine, and less than a test may take."""
# What root's login shell has, and nothing of ours.
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}

FORMER = ("/etc/cni", "/etc/cni-macvlan-py", "/opt/cni", "/opt/cni-macvlan-py", "/etc/containers/containers.conf")


class Machine:
    """Boots when entered; what it wrote, mounted and started is gone when left.

    It sees the files of the machine that the tests run on, may change each of them, and changes none.
    ``trees`` are directories whose files it has as well, as if they had been installed.
    """

    def __init__(self, network: Namespace, directory: Path, *trees: Path) -> None:
        self.network = network
        self.console = directory / "console"
        self._stage = directory / "stage"
        self._trees = trees
        self.pid = 0
        name = f"{PREFIX}machine-{fresh_suffix()}"
        self._groups = [hierarchy / name for hierarchy in hierarchies()]

    def __enter__(self) -> Self:
        try:
            self._boot()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _boot(self) -> None:
        self._stage.mkdir()
        for group in self._groups:
            group.mkdir()
            for key in ("cpuset.cpus", "cpuset.mems"):
                # Version 1 makes cpusets empty, and lets nobody into an empty one.
                if (group / key).exists() and not (group / key).read_text().strip():
                    (group / key).write_text((group.parent / key).read_text())
        join = "".join(f"echo $$ >{group}/cgroup.procs; " for group in self._groups)
        # A killed test run takes its machine with it.
        unshare = (
            "setpriv --pdeathsig KILL unshare --cgroup --mount --pid --ipc --uts --kill-child --propagation private"
        )
        with self.console.open("w") as console:
            self._keeper = subprocess.Popen(
                ["nsenter", f"--net={self.network.path}", "sh", "-euc", f'{join} exec {unshare} sh "$@"', "-"]
                + [str(word) for word in (BOOT, self._stage, CHECKOUT, *self._trees)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            )  # fmt: skip
        children = Path(f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children")
        self.until(lambda: children.read_text() != "", "the machine has a first process")
        self.pid = int(children.read_text())
        self.until(self._is_systemd, "the first process is systemd")
        self.until(lambda: self.start("systemctl", "is-system-running", "--wait").returncode == 0, "the machine runs")

    def _is_systemd(self) -> bool:
        # Until it is, its root is still that of the machine that the tests run on, which may have a systemd as well.
        is_systemd = Path(f"/proc/{self.pid}/comm").read_text() == "systemd\n"
        return is_systemd and self.path("/run/systemd/private").exists()

    def end(self) -> None:
        """Power off: the first process takes all others and every mount with it."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self._keeper.wait(SECONDS)
        for group in filter(Path.exists, self._groups):
            for directory, _, _ in os.walk(group, topdown=False):
                _remove_group(Path(directory))
        self._stage.rmdir()

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait for something that is announced nowhere."""
        deadline = time.monotonic() + SECONDS
        while not true():
            assert self._keeper.poll() is None, self.console.read_text()
            assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {what}\n{self.console.read_text()}"
            time.sleep(0.01)

    def freshen(self) -> None:
        """Remove what the machine that the tests run on may have, and a fresh one has not."""
        self.run("rm", "-rf", *FORMER)

    def path(self, inside: str | Path) -> Path:
        """Where one of its files is from outside."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def write(self, inside: str, text: str) -> None:
        """Write a file, and make its directory."""
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).write_text(text)

    def start(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program as root at a terminal would, to its end."""
        return subprocess.run(
            [*self._enter("/root"), *map(str, words)], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip

    def spawn(self, *words: str | Path, directory: str | Path = "/root", **variables: str) -> subprocess.Popen[str]:
        """Run a program beside us, with pipes to what it reads and from what it writes."""
        return subprocess.Popen(
            [*self._enter(directory), *map(str, words)], env=ENVIRONMENT | variables,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def _enter(self, directory: str | Path) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--all", "--root", f"--wd={self.path(directory)}"]

    def run(self, *words: str | Path) -> str:
        """What a program that has to succeed writes on stdout."""
        done = self.start(*words)
        told = f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, told
        return done.stdout


def _remove_group(group: Path) -> None:
    """Remove a cgroup; on new kernels a process leaves it only after whoever waited for its end was told."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def hierarchies() -> list[Path]:
    """The mount points of the cgroup hierarchies, of either version."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [Path(place) for _, place, kind, *_ in mounts if kind in {"cgroup", "cgroup2"}]
