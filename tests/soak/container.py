"""A container of a walk: a namespace under two names, and an unprivileged tenant who holds what it may."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import Final

from tests.namespaces import RUN_NETNS, Namespace, execute, fresh_suffix

TENANT: Final = "exec 9</proc/self/ns/net; flock --nonblock 9; echo in; exec sleep infinity"
STAY: Final = "echo in; exec sleep infinity"
UNPRIVILEGED: Final = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
WORDS: Final = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}


@dataclass
class Container:
    """A namespace with a tenant, who holds the lock that every user may take of it."""

    number: int
    name: str = field(default_factory=lambda: f"c{fresh_suffix()}")

    def __post_init__(self) -> None:
        self.namespace = Namespace("ctr")
        self._other = RUN_NETNS / f"{self.namespace.name}-other"
        self._other.touch()
        execute("mount", "--bind", self.namespace.path, self._other)
        self._tenant = _resident(f"--net={self.namespace.path}", *UNPRIVILEGED, "sh", "-c", TENANT)
        self._elsewhere: subprocess.Popen[str] | None = None
        self.is_named = True

    @property
    def home(self) -> str:
        """The path by which it can be entered as long as it lives."""
        return f"/proc/{self._tenant.pid}/ns/net"

    def path(self, how: str) -> str:
        """The namespace's path as a call names it."""
        return {"name": str(self.namespace.path), "other": str(self._other), "process": self.home, "": ""}[how]

    def do(self, script: str) -> None:
        """Have a tenant with NET_ADMIN run it; what is not there, or goes meanwhile, is not changed."""
        command = ["nsenter", f"--net={self.home}", "sh", "-c", script]
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)

    def move(self, ifname: str) -> None:
        """Have a tenant move an interface into a namespace of its own."""
        if self._elsewhere is None:
            self._elsewhere = _resident(
                f"--net={self.home}", "unshare", "--net", "sh", "-c", "echo in; exec sleep infinity"
            )
        self.do(f"ip link set {ifname} netns {self._elsewhere.pid}")

    def unname(self) -> None:
        """Take its names away: it lives on by its tenant alone."""
        self.is_named = False
        for path in (self.namespace.path, self._other):
            execute("umount", path, check=False)
            path.unlink(missing_ok=True)

    def end(self) -> None:
        """Have the tenant die, and with it the namespaces and what is in them."""
        for resident in filter(None, (self._tenant, self._elsewhere)):
            resident.kill()
            with resident:
                resident.wait()
        if self.is_named:
            execute("umount", self._other)
            self._other.unlink()
        self.namespace.remove()


def _resident(*words: str) -> subprocess.Popen[str]:
    """A process that says when it has come in."""
    made: subprocess.Popen[str] = subprocess.Popen(["nsenter", *words], **WORDS)  # type: ignore[call-overload]
    assert made.stdout is not None
    assert made.stdout.readline() == "in\n"
    return made
