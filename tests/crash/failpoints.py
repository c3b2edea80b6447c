"""A point of failure at every system call of a call that has an effect, or that the kernel may refuse."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.crash.faults import HARMLESS_CALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KILL: Final = "KILL"
REFUSALS: Final = {
    "openat": ("EMFILE", "ENOMEM"),
    "mkdir": ("ENOSPC",),
    "write": ("ENOSPC", "EIO"),
    "pwrite64": ("ENOSPC", "EIO"),
    "pread64": ("EIO",),
    "ftruncate": ("EIO",),
    "fsync": ("EIO",),
    "fdatasync": ("EIO",),
    "rename": ("ENOSPC",),
    "unlink": ("EIO",),
    "fcntl": ("ENOLCK",),
    "flock": ("ENOLCK",),
    "mmap": ("ENOMEM",),
    "socket": ("EMFILE", "ENOMEM"),
    "bind": ("ENOMEM",),
    "sendto": ("ENOBUFS", "ENOMEM"),
    "sendmsg": ("ENOBUFS",),
    "recvfrom": ("ENOBUFS",),
    "recvmsg": ("ENOBUFS",),
    "setns": ("ENOMEM",),
    "ioctl": ("ENOMEM",),
    "clone": ("EAGAIN",),
    "clone3": ("EAGAIN",),
    "vfork": ("ENOMEM",),
    "execve": ("ENOMEM",),
    "pipe2": ("EMFILE",),
    "fstat": ("EIO",),
    "newfstatat": ("EIO",),
}
"""What each is refused with; those of it that the machine does not have are none of a call's."""
LINE: Final = re.compile(r"^(\d+) +(\w+)\(")


@dataclass(frozen=True)
class Failpoint:
    """The process dies before the n-th time that one of its threads calls ``name``, or that is refused.

    ``lasting``: and every time from then on.
    """

    name: str
    number: int
    what: str
    lasting: bool = False

    @property
    def words(self) -> list[str]:
        """As strace has it."""
        how = "signal=KILL" if self.what == KILL else f"error={self.what}"
        return ["-o", "/dev/null", "-e", f"inject={self.name}:{how}:when={self.number}{'+' if self.lasting else ''}"]

    def __str__(self) -> str:
        return f"{self.name} {self.number}{' and later' if self.lasting else ''}: {self.what}"


def counting(path: str) -> list[str]:
    """The words for strace that have it write into a file what is called how often."""
    return ["-o", path, "-e", f"trace={HARMLESS_CALL},{','.join(f'?{name}' for name in REFUSALS)}"]


def failpoints(traced: Iterable[str]) -> Iterator[Failpoint]:
    """All of a call that was traced: strace counts for each thread alone.

    The copy of a descriptor is no lock, although both are fcntl(2).
    """
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in traced:
        found = LINE.match(line)
        if not found or found[2] not in REFUSALS:
            continue
        thread, name = found.groups()
        most = max(counted[name].values(), default=0)
        counted[name][thread] += 1
        number = counted[name][thread]
        if number > most and "F_DUPFD" not in line:
            yield Failpoint(name, number, KILL)
            for refusal in REFUSALS[name]:
                yield Failpoint(name, number, refusal)
                yield Failpoint(name, number, refusal, lasting=True)
