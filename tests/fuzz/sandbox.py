"""A node and a container inside this very process: a thread with namespaces of its own, which serves calls.

The thread's network namespace has a master (``eth0``), the container's has only ``lo``. To the thread the
machine's disk is read-only but for the sandbox's directory, in which it stands, and /var/lib, an empty tmpfs: whatever
directory a configuration names, the machine's are safe.
"""

from __future__ import annotations

import ctypes
import logging
import os
import secrets
import socket
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from plugin.dispatch import dispatch
from plugin.node import Node, read_settings
from tests.ways import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.document import Document
    from conf.environment import Environment

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MASTER = "eth0"
NETWORK = "fuzz"  # the name of every network that is called right
LEASES = Path("/var/lib/networks")  # the sandbox's own; a path that never changes, for examples contain it
Answered = TypeVar("Answered")
_LIBC = ctypes.CDLL(None, use_errno=True)


class Sandbox:
    """A context manager; ``netns`` is the path of the container's namespace, ``ifname`` a name that nobody else has."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state_dir = directory / "state"
        self.data_dir = LEASES
        self.empty = directory / "empty"
        self.empty.mkdir(parents=True)
        self.settings = directory / "settings.toml"
        self.settings.write_text(f'state_dir = "{self.state_dir}"\n')
        self.ifname = f"fz{secrets.token_hex(4)}"
        self._thread = ThreadPoolExecutor(1)
        self.run(self._settle)
        self._known = self.left()
        self.netns = f"/proc/{os.getpid()}/fd/{self._container}"
        self.own_netns = f"/proc/{os.getpid()}/fd/{self._home}"

    def __enter__(self) -> Self:
        # what the plugin logs of nonsense is nonsense too, and pytest's reports are to be text
        logging.disable()
        return self

    def __exit__(self, *_: object) -> None:
        logging.disable(logging.NOTSET)
        self._thread.shutdown()
        os.close(self._home)
        os.close(self._container)

    def run(self, function: Callable[..., Answered], *arguments: object) -> Answered:
        """Call a function in the sandbox's thread."""
        return self._thread.submit(function, *arguments).result()

    def _settle(self) -> None:
        _checked(_LIBC.unshare(CLONE_NEWNS | CLONE_NEWNET))
        execute("mount", "--make-rslave", "/")
        execute("mount", "-t", "tmpfs", "cmv-fuzz", "/var/lib")
        execute("mount", "--bind", str(self.directory), str(self.directory))
        execute("mount", "-o", "remount,bind,ro", "/")
        os.chdir(self.directory)  # a thread with mounts of its own has a working directory of its own
        self._home = _own_namespace()
        _checked(_LIBC.unshare(CLONE_NEWNET))
        self._container = _own_namespace()
        for key in ("accept_dad", "accept_ra"):
            Path("/proc/sys/net/ipv6/conf/default", key).write_text("0")
        execute("ip", "link", "set", "lo", "up")
        _enter(self._home)
        execute("ip", "link", "add", MASTER, "type", "veth", "peer", "name", "peer0")
        for name in (MASTER, "peer0", "lo"):
            execute("ip", "link", "set", name, "up")

    def call(self, variables: dict[str, str], stdin: bytes, executable: str = "macvlan") -> tuple[int, bytes]:
        """Exit status and stdout of a call with these variables."""
        return self.run(self._call, variables | {"CNI_MACVLAN_SETTINGS": str(self.settings)}, stdin, executable)

    def _call(self, variables: dict[str, str], stdin: bytes, executable: str) -> tuple[int, bytes]:
        delivered: list[bytes] = []

        def find_node(environment: Environment, _document: Document) -> Node:
            settings = read_settings(environment.variables)
            return Node(settings, executable, lambda: False, open_store=lambda *of: stores.enter_context(opened(*of)))

        def deliver(text: bytes, _status: int) -> None:
            delivered.append(text)

        with ExitStack() as stores:
            failure = dispatch(variables, lambda: stdin, deliver, find_node)
        assert len(delivered) == 1, "one call, one answer"
        return int(failure is not None), delivered[0]

    def require_nothing_left(self) -> None:
        """Everything is as it was when this was asked last."""
        before, self._known = self._known, self.left()
        assert self._known == before

    def left(self) -> dict[str, Any]:
        """Everything that a call could have left behind."""
        return self.run(self._left)

    def _left(self) -> dict[str, Any]:
        assert _own_identity() == _identity(self._home), "the thread came back to another namespace"
        here = _links()
        _enter(self._container)
        try:
            there = _links(), Path("/proc/thread-self/net/if_inet6").read_text()
            routes = Path("/proc/thread-self/net/route").read_text()
        finally:
            _enter(self._home)
        places = [path for place in (self.directory, Path("/var/lib")) for path in place.rglob(f"{NETWORK}/*")]
        return {
            "node": here,
            "container": there,
            "routes": routes,
            "leases": [str(path) for path in places if not path.name.startswith(("lock", "last_reserved_ip."))],
            "rows": self._rows(),
        }

    def _rows(self) -> list[int]:
        path = self.state_dir / "leases.db"
        if not path.exists():
            return [0, 0]
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            counts = [database.execute(f"SELECT count(*) FROM {table}") for table in ("attachment", "lease")]  # noqa: S608
            return [count for cursor in counts for (count,) in cursor]


def execute(*command: str) -> None:
    """Run a program in the calling thread's namespaces."""
    subprocess.run(command, check=True, capture_output=True)


def _links() -> list[str]:
    return sorted(name for _, name in socket.if_nameindex())


def _own_namespace() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _own_identity() -> tuple[int, int]:
    descriptor = _own_namespace()
    try:
        return _identity(descriptor)
    finally:
        os.close(descriptor)


def _enter(descriptor: int) -> None:
    _checked(_LIBC.setns(descriptor, CLONE_NEWNET))


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
