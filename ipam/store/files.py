r"""The directory of the reference's host-local plugin, shared with it: one file for each address.

``<data_dir>/<network>/<address>`` holds ``<container id>\r\n<ifname>``, or in an older form the container id alone;
``last_reserved_ip.<n>`` the address given last from range set n; ``lock`` is flocked by everyone who reads or writes.
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from netaddr import IPAddress

from conf.errors import StoreFailure, TryAgain
from ipam.ranges import canonical
from ipam.regular import open_regular, read_regular
from ipam.store.flock import lock
from ipam.store.lease_file import content_of, is_address, owner_of
from ipam.store.privilege import cure_of_refusal, root_or

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ipam.lease import Attachment, Owner
    from ipam.ranges import RangeSet

CURSOR: Final = "last_reserved_ip."
LARGEST: Final = 4096
"""Bytes of a lease's file, which holds a container id and an interface name."""

Mark = tuple[int, int, int]
"""Inode, and times of writing and of change in nanoseconds: of one file, and of no later one under its name."""


class FilesStore:
    """Leases in ``<data_dir>/<network>``; a directory that is missing holds nothing and is made by the first lease.

    The whole transaction holds the lock, which is waited for ``wait`` seconds. Nothing is written before its end.
    """

    def __init__(self, data_dir: str, *, wait: float = 30.0) -> None:
        self._data_dir = data_dir
        self._wait = wait

    @contextmanager
    def transaction(self, network: str) -> Iterator[FilesTransaction]:
        """Begin an exclusive transaction on the network's directory."""
        tx = FilesTransaction(os.path.join(self._data_dir, network), network, self._wait)
        try:
            tx.begin()
            yield tx
            tx.commit()
        finally:
            tx.end()

    def probe(self, network: str) -> None:
        """Raise what the next transaction would raise, and StoreFailure where a lease could not be written."""
        place = os.path.abspath(os.path.join(self._data_dir, network))
        with self.transaction(network):
            while not os.path.lexists(place):
                place = os.path.dirname(place)
            if not (os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)):
                text = f"{place} is no directory, or cannot be written; {root_or('check it and ipam.dataDir')}"
                raise StoreFailure(f"lease directory {text}", f"leases of network {network}")


class FilesTransaction:
    """What the directory holds, read once; changes are kept in memory until ``commit``. Implements ``Transaction``."""

    def __init__(self, directory: str, network: str, wait: float) -> None:
        self._directory = directory
        self._network = network
        self._wait = wait
        self._lock: int | None = None
        self._held: dict[str, bytes] = {}
        self._names: defaultdict[bytes, set[str]] = defaultdict(set)
        self._before: dict[str, bytes | None] = {}

    def leases(self, owner: Owner) -> list[IPAddress]:
        """Every address that the owner holds, in address order; id-only files count if there are no others."""
        return sorted(map(IPAddress, self._names_of(owner)))

    def holder(self, address: IPAddress) -> Owner | None:
        """Who holds the address; an ``ifname`` of "" stands for an id-only file, and no id for what is no file."""
        content = self._held.get(canonical(address))
        return None if content is None else owner_of(self._network, content)

    def owners(self) -> list[Owner]:
        """Every owner that holds an address."""
        return [owner_of(self._network, content) for content in sorted(self._names)]

    def next_free(self, range_set: RangeSet) -> IPAddress | None:
        """The first address without a file, round robin from the one given last, as the reference walks."""
        for low, high in range_set.intervals(self._cursor(range_set.index)):
            for value in range(low, high + 1):
                address = IPAddress(value, range_set.version)
                if canonical(address) not in self._held:
                    return address
        return None

    def prepare(self) -> None:
        """Make the directory, if there is none."""
        if self._lock is None:
            with self._reporting():
                os.makedirs(self._directory, mode=0o755, exist_ok=True)
            self.begin()

    def reserve(self, address: IPAddress, attachment: Attachment, range_set: RangeSet) -> None:
        """Give the address to the attachment."""
        self.prepare()
        content = content_of(attachment.owner)
        self._change(canonical(address), content)
        self._names[content].add(canonical(address))
        self._change(f"{CURSOR}{range_set.index}", canonical(address).encode())

    def release(self, owner: Owner) -> list[IPAddress]:
        """Free all that the owner holds."""
        freed = self._names_of(owner)
        for name in freed:
            content = self._held[name].strip()
            self._names[content].discard(name)
            if not self._names[content]:
                del self._names[content]
            self._change(name, None)
        return sorted(map(IPAddress, freed))

    def marks(self) -> dict[str, Mark]:
        """Every lease's file as it is now."""
        with self._reporting():
            return {name: self._mark(name) for names in self._names.values() for name in names}

    def keep_but(self, seen: Mapping[str, Mark]) -> None:
        """Let this transaction release only what was there when these ``marks`` were taken, and has not changed."""
        changed = {name for name, mark in self.marks().items() if seen.get(name) != mark}
        for content in [*self._names]:
            self._names[content] -= changed
            if not self._names[content]:
                del self._names[content]

    # Disk

    def begin(self) -> None:
        """Take the lock and read the directory, if there is one."""
        with self._reporting():
            try:
                self._lock = open_regular(f"{self._directory}/lock", os.O_CREAT | os.O_NOFOLLOW, 0o750)
            except FileNotFoundError:
                return
            lock(self._lock, self._wait, self._directory)
            for name in os.listdir(self._directory):
                if name.startswith(CURSOR):
                    self._held[name] = self._read(name)
                elif is_address(name):
                    self._meet(name)

    def commit(self) -> None:
        """Write what changed; if that fails half-way, put everything back."""
        changes = [(name, old, self._held.get(name)) for name, old in self._before.items()]
        # Files are made before others are removed: the disk that is full is found out before anything is lost.
        changes.sort(key=lambda change: change[2] is None)
        done: list[tuple[str, bytes | None, bytes | None]] = []
        with self._reporting():
            try:
                for change in changes:
                    self._put(*change)
                    done.append(change)
            except BaseException:
                for name, old, new in reversed(done):
                    with suppress(OSError):
                        self._put(name, new, old)
                raise

    def end(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)

    def _meet(self, name: str) -> None:
        """Read one lease; remove what only a power cut or a kill leaves: a file that its writer never filled."""
        try:
            content = self._read(name)
        except IsADirectoryError:
            self._held[name] = b""
            return
        except FileNotFoundError:
            return
        if content.strip(b"\0 \t\r\n"):
            self._held[name] = content
            self._names[content.strip()].add(name)
        else:
            os.unlink(os.path.join(self._directory, name))

    def _read(self, name: str) -> bytes:
        return read_regular(f"{self._directory}/{name}", LARGEST, os.O_NOFOLLOW)

    def _mark(self, name: str) -> Mark:
        status = os.stat(f"{self._directory}/{name}")
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns

    def _put(self, name: str, old: bytes | None, new: bytes | None) -> None:
        """Turn the file's content from old to new; None is no file."""
        path = os.path.join(self._directory, name)
        if new is None and old is not None:
            os.unlink(path)
        if new is None or old == new:
            return
        how = os.O_CREAT | os.O_EXCL if old is None else os.O_TRUNC
        try:
            fd = open_regular(path, os.O_RDWR | os.O_NOFOLLOW | how)
        except FileExistsError:
            text = f"{path} was made by a program that does not respect the directory's lock; call again"
            raise TryAgain(text, f"the lock is a flock(2) on {self._directory}/lock") from None
        try:
            os.write(fd, new)
        except BaseException:
            if old is None:
                os.unlink(path)
            raise
        finally:
            os.close(fd)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            cure = cure_of_refusal(error, "check the directory, its disk and ipam.dataDir")
            raise StoreFailure(f"lease directory {self._directory}: {error}; {cure}", "nothing was changed") from error

    # Memory

    def _change(self, name: str, content: bytes | None) -> None:
        self._before.setdefault(name, self._held.get(name))
        if content is None:
            del self._held[name]
        else:
            self._held[name] = content

    def _cursor(self, index: int) -> IPAddress | None:
        text = self._held.get(f"{CURSOR}{index}", b"").strip().decode(errors="replace")
        return IPAddress(text) if is_address(text) else None

    def _names_of(self, owner: Owner) -> list[str]:
        exact = self._names.get(content_of(owner).strip(), set())
        return list(exact or self._names.get(owner.container_id.encode(), set()))
