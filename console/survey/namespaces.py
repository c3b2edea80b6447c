"""Every network namespace of the node: the files that name it and the processes that live in it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from link import homes
from link.netns import own_identity


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
    files: defaultdict[str, set[str]] = defaultdict(set)
    processes: defaultdict[str, list[int]] = defaultdict(list)
    for inode, path in homes.names():
        files[inode].add(path)
    for inode, process in homes.residents():
        processes[inode].append(process)
    everything = [
        Inhabited(f"{device}:{inode}", tuple(sorted(files[inode])), tuple(sorted(processes[inode])))
        for inode in files.keys() | processes.keys()
    ]
    return sorted(everything, key=lambda each: each.path)


def mount_points() -> list[str]:
    """Every path that something is mounted on in our mount namespace, files included."""
    return [homes.unescaped(line.split()[4]) for line in homes.mounts()]
