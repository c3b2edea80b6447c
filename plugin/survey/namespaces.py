"""Every network namespace of the node: the files that name it and the processes that live in it."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass

from plugin.link.netns import own_identity

MOUNTED = re.compile(r"^\S+ \S+ \S+ net:\[(\d+)\] (\S+) ")
"""A line of /proc/PID/mountinfo about a namespace that is bound to a file: inode and path (proc_pid_mountinfo(5))."""


@dataclass(frozen=True)
class Inhabited:
    """A namespace: its identity ``st_dev:st_ino``, the files that name it, the processes that live in it."""

    identity: str
    files: tuple[str, ...]
    processes: tuple[int, ...]

    @property
    def path(self) -> str:
        """A path by which it can be opened, as long as it lives."""
        return self.files[0] if self.files else f"/proc/{self.processes[0]}/ns/net"


def namespaces() -> list[Inhabited]:
    """All namespaces but our own."""
    own = own_identity()
    return [each for each in everywhere() if each.identity != own]


def everywhere() -> list[Inhabited]:
    """All namespaces, in the order of their paths; one without file and process is nobody's to find."""
    device = own_identity().partition(":")[0]
    files: defaultdict[str, list[str]] = defaultdict(list)
    processes: defaultdict[str, list[int]] = defaultdict(list)
    for line in _mounts():
        if found := MOUNTED.match(line):
            files[found[1]].append(_unescaped(found[2]))
    for name in os.listdir("/proc"):
        if name.isdigit() and (inode := _home_of(name)):
            processes[inode].append(int(name))
    everything = [
        Inhabited(f"{device}:{inode}", tuple(sorted(set(files[inode]))), tuple(sorted(processes[inode])))
        for inode in files.keys() | processes.keys()
    ]
    return sorted(everything, key=lambda each: each.path)


def mount_points() -> list[str]:
    """Every path that something is mounted on in our mount namespace, files included."""
    return [_unescaped(line.split()[4]) for line in _mounts()]


def _mounts() -> list[str]:
    """The lines of mountinfo (proc_pid_mountinfo(5))."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        return list(lines)


def _home_of(process: str) -> str:
    """The inode of the namespace that a process lives in, "" if the process has gone or has no namespace any more."""
    try:
        return str(os.stat(f"/proc/{process}/ns/net").st_ino)
    except OSError:
        return ""


def _unescaped(path: str) -> str:
    """A path of mountinfo, in which white space is written in octal."""
    return re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), path)
