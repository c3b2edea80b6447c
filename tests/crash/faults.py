"""What can go wrong inside a call, brought about at an exact step; imported by the forked process itself."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

CLONE_NEWNS = 0x00020000
NETLINK_HEADER = struct.Struct("=IH")  # length and type, of five fields
GET = 2  # of the four messages about each kind of object: RTM_NEW…, RTM_DEL…, RTM_GET…, RTM_SET…
HARMLESS_CALL = "getpriority"
NO_SUCH_TYPE = 0x0FFF  # no rtnetlink message: the kernel answers EOPNOTSUPP

# C functions that change something outside of the process, or that others can see the effect of
MODULES = {"posix", "fcntl", "_io", "_posixsubprocess", "_signal", "_socket", "_sqlite3"}
TYPES = (socket.socket, sqlite3.Connection, sqlite3.Cursor, ctypes.CDLL)
HARMLESS = {
    "fspath", "getpid", "stat", "lstat", "fstat", "strerror", "fileno", "inet_ntop", "inet_pton", "setsockopt",
    "fetchone", "fetchall", "pthread_sigmask", "WIFSTOPPED", "waitstatus_to_exitcode", "__exit__",
}  # fmt: skip


def arrange(fault: dict[str, Any], report: int) -> None:
    """Prepare the process for what is to befall it: ``kind`` names a function below, the rest are its arguments."""
    if fault:
        arguments = {key: value for key, value in fault.items() if key != "kind"}
        KINDS[fault["kind"]](report, **arguments)


def tell(report: int, what: object) -> None:
    os.write(report, json.dumps(what).encode() + b"\n")


def at_step(report: int, number: int = 0, received: str = "SIGKILL") -> None:
    """Send this process a signal right before its n-th effect (0: never) and report every effect until then."""
    count = 0

    def profile(_frame: FrameType, event: str, function: Any) -> None:  # noqa: ANN401 - a C function
        nonlocal count
        if event != "c_call" or not is_effect(function):
            return
        count += 1
        tell(report, getattr(function, "__qualname__", str(function)))
        if count == number:
            os.kill(os.getpid(), getattr(signal, received))

    sys.setprofile(profile)


def is_effect(function: Any) -> bool:  # noqa: ANN401 - a C function
    if getattr(function, "__name__", "") in HARMLESS:
        return False
    owner = getattr(function, "__self__", None)
    if isinstance(owner, TYPES):
        return True
    module = getattr(function, "__module__", None) or getattr(owner, "__name__", None) or type(owner).__module__
    return module in MODULES


def refuse_message(report: int, number: int, *, lasting: bool = False) -> None:
    """Make the kernel refuse the n-th rtnetlink message of the call; the others go through as they are.

    If that is ``lasting`` it also refuses those behind that would change something.
    """
    count = 0

    class Refusing(socket.socket):
        def send(self, data: Any, flags: int = 0) -> int:  # noqa: ANN401 - as socket
            nonlocal count
            datagram = bytearray(data)
            offset = 0
            while self.family == socket.AF_NETLINK and offset < len(datagram):
                length, kind = NETLINK_HEADER.unpack_from(datagram, offset)
                count += 1
                if count == number or (lasting and count > number and kind % 4 != GET):
                    tell(report, kind)
                    NETLINK_HEADER.pack_into(datagram, offset, length, NO_SUCH_TYPE)
                offset += length + -length % 4
            return super().send(datagram, flags)

    socket.socket = Refusing  # type: ignore[misc]


def fail_statement(report: int, number: int, *, lasting: bool = False) -> None:
    """Let the n-th statement on the lease database fail as a disk fails, and those behind it if that is ``lasting``."""
    count = 0

    class Failing(sqlite3.Connection):
        def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:  # noqa: ANN401 - as sqlite3
            nonlocal count
            count += 1
            if count == number or (lasting and count > number):
                tell(report, statement)
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                raise error
            return super().execute(statement, *parameters)

    connect = sqlite3.connect
    sqlite3.connect = lambda *arguments, **keys: connect(*arguments, **keys, factory=Failing)  # type: ignore[assignment]


def fail_sysctl(report: int, number: int) -> None:
    """Let the n-th opening of a file below /proc/sys/net fail."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event == "open" and str(arguments[0]).startswith("/proc/sys/net"):
            count += 1
            if count == number:
                tell(report, str(arguments[0]))
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(arguments[0]))

    sys.addaudithook(hook)


def read_only_sysctls(_report: int) -> None:
    """Make /proc/sys read-only, as it is in many containers."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    # Where systemd has booted, mounts are shared: it would be read-only for the whole machine.
    subprocess.run(["mount", "--make-rslave", "/"], check=True)
    subprocess.run(["mount", "--bind", "/proc/sys", "/proc/sys"], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", "/proc/sys"], check=True)


def stdout(_report: int, to: str) -> None:
    """Give the call a stdout that cannot take the answer."""
    if to == "closed":
        os.close(1)
    elif to == "full disk":
        os.dup2(os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC), 1)
    elif to == "reader gone":
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
        os.close(writer)
    elif to == "full pipe":
        _, writer = os.pipe2(os.O_NONBLOCK)
        try:
            while True:
                os.write(writer, bytes(4096))
        except BlockingIOError:
            os.dup2(writer, 1)


def trace(_report: int, words: list[str]) -> None:
    """Have strace do to this process what its words say; it has begun when it refuses a call that never fails."""
    begun = f"inject={HARMLESS_CALL}:error=EXDEV"
    subprocess.Popen(
        ["strace", "-f", "-qq", "-p", str(os.getpid()), "-e", begun, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with suppress(OSError):
        while True:
            os.getpriority(os.PRIO_PROCESS, 0)


KINDS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (at_step, refuse_message, fail_statement, fail_sysctl, read_only_sysctls, stdout, trace)
}
