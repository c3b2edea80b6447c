"""The native launcher in a node's CNI directory: put there, recognised as ours, and taken away."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipam.store.flock import lock
from plugin.release import PROGRAM, ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LOCK_SECONDS = 60.0


class Refused(OSError):
    """What is to be done would touch what is not ours; nothing was changed. The message says what would help."""


@dataclass
class CniDirectory:
    """A directory of CNI plugins in which ``cni-macvlan-py`` is the launcher and our other names are links to it.

    ``done`` collects what was done, as pairs of a verb and a path. Everything raises OSError.
    """

    path: str
    done: list[tuple[str, str]] = field(default_factory=list)

    def put(self, launcher: bytes, roles: Iterable[str], *, force: bool) -> None:
        """Install the launcher under its name and these roles, and under no other role.

        A file of somebody else is Refused, or with ``force`` set aside until ``clear``. A directory of somebody else is
        Refused.
        """
        wanted = {PROGRAM, *roles}
        os.makedirs(self.path, exist_ok=True)
        if (owner := os.stat(self.path).st_uid) not in {0, os.geteuid()}:
            raise Refused(
                f"{self.path} belongs to user {owner}, who could replace what runtimes execute as root; "
                f"chown root {self.path}, or name another directory"
            )
        with self._alone():
            foreign = [self._at(name) for name in sorted(wanted) if self._is_taken(name)]
            if foreign and not force:
                raise Refused(f"not ours, left alone: {', '.join(foreign)}; --force sets them aside")
            for name in sorted(wanted):
                self._place(name, launcher)
            self._remove(set(ROLES) - wanted)

    def clear(self) -> None:
        """Remove all of ours, and put back what was set aside."""
        if os.path.isdir(self.path):
            with self._alone():
                self._remove({PROGRAM, *ROLES})

    def _place(self, name: str, launcher: bytes) -> None:
        path, fresh, replaced = self._at(name), self._beside(name, "new"), self._beside(name, "replaced")
        if self._is_taken(name):
            _unlink(replaced)
            os.link(path, replaced, follow_symlinks=False)
            self.done.append(("set aside", path))
        _unlink(fresh)
        if name == PROGRAM:
            write_whole(fresh, launcher, 0o755)
        else:
            os.symlink(PROGRAM, fresh)
        os.rename(fresh, path)
        self.done.append(("installed", path))

    def _remove(self, names: Iterable[str]) -> None:
        # The links first: none is ever without its target.
        for name in sorted(names, key=lambda name: (name == PROGRAM, name)):
            path, replaced = self._at(name), self._beside(name, "replaced")
            _unlink(self._beside(name, "new"))
            if os.path.lexists(path) and not self._is_ours(name):
                _unlink(replaced)  # its owner has installed a newer one
            elif os.path.lexists(replaced):
                os.rename(replaced, path)
                self.done.append(("put back", path))
            elif self._is_ours(name):
                os.unlink(path)
                self.done.append(("removed", path))

    def _is_taken(self, name: str) -> bool:
        """Whether somebody else's file has the name. Raises Refused for a directory."""
        path = self._at(name)
        if os.path.isdir(path):
            raise Refused(f"{path} is a directory; remove it yourself")
        return os.path.lexists(path) and not self._is_ours(name)

    def _is_ours(self, name: str) -> bool:
        try:
            mode = os.lstat(self._at(name)).st_mode
        except FileNotFoundError:
            return False
        # A link of our own name leads to an installation with Python (make install), which is another one.
        return stat.S_ISREG(mode) if name == PROGRAM else stat.S_ISLNK(mode) and os.readlink(self._at(name)) == PROGRAM

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a second installer out; the lock ends with the process."""
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            lock(directory, LOCK_SECONDS, self.path)
            yield
        finally:
            os.close(directory)

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _beside(self, name: str, what: str) -> str:
        return self._at(f".{name}.{PROGRAM}-{what}")


def write_whole(path: str, content: bytes, mode: int) -> None:
    """Write a file that will be renamed: after a power cut its name must not lead to half of it."""
    with open(path, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        os.fsync(file.fileno())


def _unlink(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
