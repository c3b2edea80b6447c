"""Throw-away network namespaces: made, entered by programs and sockets, removed with whatever lives in them."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Seen = TypeVar("Seen")

RUN_NETNS = Path("/run/netns")
PREFIX = "cmv-"
CLONE_NEWNET = 0x40000000
STAY_SECONDS = 60.0
_LIBC = ctypes.CDLL(None, use_errno=True)


def fresh_suffix() -> str:
    """Eight random hex digits: two test runs at once never share a name."""
    return secrets.token_hex(4)


def execute(*argv: str | Path, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program with ``text`` on stdin; a non-zero status raises AssertionError with its stderr if ``check``."""
    done = subprocess.run(  # noqa: PLW1510 - judged below, with the program's own words
        [str(part) for part in argv],
        input=text if text is not None else "",
        capture_output=True,
        text=True,
        timeout=120,
    )
    if check and done.returncode != 0:
        message = f"{' '.join(str(part) for part in argv)}: exit {done.returncode}: {done.stderr.strip()} {done.stdout}"
        raise AssertionError(message)
    return done


def inside(namespace: Path, look: Callable[[], Seen]) -> Seen:
    """What ``look`` returns in a namespace; those belong to threads, so a short-lived one enters it."""

    def enter_and_look() -> Seen:
        with namespace.open("rb") as handle:
            if _LIBC.setns(handle.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        return look()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(enter_and_look).result()


class Namespace:
    """A network namespace of /run/netns with ``lo`` up.

    With ``dad`` off (where duplicate address detection is not the subject) IPv6 addresses are usable at once
    instead of after 1 to 2 s. Router advertisements are not awaited either: there is no router on the test LANs.
    """

    def __init__(self, role: str, *, dad: bool = False) -> None:
        self.name = f"{PREFIX}{role}-{fresh_suffix()}"
        self.path = RUN_NETNS / self.name
        execute("ip", "netns", "add", self.name)
        self._identity = self.path.stat().st_ino
        self.batch("link set lo up")
        if not dad:
            self.sysctl("net/ipv6/conf/default/accept_dad", 0)

    def run(self, *argv: str, check: bool = True) -> str:
        """The output of a program run inside. nsenter, because ``ip netns exec`` would put a new /sys over the old."""
        return execute("nsenter", f"--net={self.path}", *argv, check=check).stdout

    def batch(self, *commands: str) -> None:
        """Run ``ip`` commands, all or an AssertionError."""
        execute("ip", "-n", self.name, "-batch", "-", text="\n".join(commands) + "\n")

    def ip(self, *words: str) -> list[dict[str, Any]]:
        """What ``ip -j -d …`` answers, empty objects removed."""
        shown = execute("ip", "-n", self.name, "-j", "-d", *words).stdout
        return [entry for entry in json.loads(shown or "[]") if entry]

    def links(self) -> list[str]:
        """Names of all links, sorted."""
        return sorted(link["ifname"] for link in self.ip("link", "show"))

    def sysctl(self, key: str, value: int | None = None) -> int:
        """A number below /proc/sys; with a value it is set."""
        if value is not None:
            self.run("sh", "-c", f"echo {value} > /proc/sys/{key}")
            return value
        return int(self.run("cat", f"/proc/sys/{key}"))

    def socket(self, family: int, kind: int, protocol: int) -> socket.socket:
        """A socket that lives inside."""
        return inside(self.path, lambda: socket.socket(family, kind, protocol))

    def processes(self) -> list[int]:
        """The ids of the processes inside."""
        inside = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if (entry / "ns/net").stat().st_ino == self._identity:
                        inside.append(int(entry.name))
        return inside

    def remove(self) -> list[int]:
        """Unmount the name and kill who stays inside; the killed process ids are a leak of the test.

        Others may pass through: `show`, called on this machine, enters every namespace of it for a moment.
        """
        if not self.path.exists():
            # the kernel may have given the inode number to another namespace by now
            return []
        deadline = time.monotonic() + STAY_SECONDS
        while (killed := [pid for pid in self.processes() if pid != os.getpid()]) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        execute("ip", "netns", "del", self.name, check=False)
        return killed
