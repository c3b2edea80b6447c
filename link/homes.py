"""Where the node's network namespaces can be found: the files that name them, and the processes that live in them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from link.netns import own_identity

if TYPE_CHECKING:
    from collections.abc import Iterator

MOUNTED: Final = re.compile(r"^\S+ \S+ \S+ net:\[(\d+)\] (\S+) ")
"""A line of mountinfo about a namespace that is bound to a file: inode and path (proc_pid_mountinfo(5))."""
MOUNTS: Final = ("/proc/thread-self/mountinfo", "/proc/1/mountinfo")
"""Our own, or where /proc is of other processes, those of the first."""


def homes() -> dict[str, str]:
    """A path by which each namespace can be opened, by its identity; without file and process it is nobody's to find.

    It takes some milliseconds: a call asks where its record leads nowhere any more.
    """
    device = own_identity().partition(":")[0]
    found = {inode: f"/proc/{process}/ns/net" for inode, process in residents()}
    return {f"{device}:{inode}": path for inode, path in (found | dict(names())).items()}


def names() -> Iterator[tuple[str, str]]:
    """The inode of each namespace that a file names, and the file's path."""
    for line in mounts():
        if found := MOUNTED.match(line):
            yield found[1], unescaped(found[2])


def residents() -> Iterator[tuple[str, int]]:
    """The inode of the namespace that each process lives in, and the process; without those we may not look at."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (inode := _home_of(name)):
            yield inode, int(name)


def inhabitant(index: int) -> str:
    """A process in whose namespace a device of this number is up, of those we may not look at; "" for none.

    Which namespace a process lives in is told to who may trace it, what devices are there to everybody.
    """
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            os.stat(f"/proc/{name}/ns/net")
        except PermissionError:
            if _sees(name, index):
                return name
        except OSError:
            continue
    return ""


def mounts() -> list[str]:
    """The lines of mountinfo (proc_pid_mountinfo(5))."""
    for path in MOUNTS:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as lines:
                return list(lines)
        except FileNotFoundError:
            continue
    return []


def unescaped(path: str) -> str:
    """A path of mountinfo, in which white space is written in octal."""
    return re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), path)


def _home_of(process: str) -> str:
    """The inode of the namespace that a process lives in, "" if the process has gone or has no namespace any more."""
    try:
        return str(os.stat(f"/proc/{process}/ns/net").st_ino)
    except OSError:
        return ""


def _sees(process: str, index: int) -> bool:
    """Whether a device of this number receives anything where the process lives; one that is up does."""
    try:
        with open(f"/proc/{process}/net/dev_mcast", encoding="utf-8", errors="surrogateescape") as lines:
            return any(line.startswith(f"{index} ") for line in lines)
    except OSError:
        return False
