"""Network namespaces: open, identify, lock, enter and leave; and where a thread comes home to."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from conf.errors import InvalidEnvironment, InvalidNamespace, TryAgain, UnknownContainer
from link import locks
from link.thread import CLONE_FS, CLONE_NEWNET, CLONE_NEWNS, make_root, move_thread, part_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipam.patience import Patience
    from link.netlink import Netlink

NS_GET_NSTYPE = 0xB703  # linux/nsfs.h, Linux 4.11
OWN = "/proc/thread-self/ns/net"
GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESRCH}
"""What the kernel answers where no namespace is, or the process that lived in it is no more."""
NO_NAMESPACE = {errno.ENOTTY, errno.EINVAL}
"""What it answers a question about a namespace that is asked of another file."""
LEADS_NOWHERE = {errno.ELOOP, errno.ENAMETOOLONG}
"""What it answers for a path that leads to no file whoever asks, and however often."""


class Namespace:
    """An open network namespace; it lives on while this is open, whatever becomes of ``path``.

    Whoever opened the file at ``path`` keeps it mounted as well, until ``let_go_of_path``.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.locks: tuple[int, ...] = ()
        """Descriptors that hold the lock: it stays as long as a process that inherits them."""
        self._netlink: Netlink | None = None
        status = os.fstat(descriptor)
        self.identity = _identity(status)
        self.device, self._inode = status.st_dev, status.st_ino

    def close(self) -> None:
        """Let go of the namespace and of its lock."""
        if self._netlink:
            self._netlink.close()
        for descriptor in (*self.locks, self.descriptor):
            os.close(descriptor)

    def lock(self, state_dir: str, patience: Patience | None = None) -> None:
        """Wait until no other call of ours works on this namespace; closing, or dying, unlocks.

        The lock is a byte of a file that root alone can open, at the number of the namespace's inode, which is the
        same under every path: a lock of the namespace's own file could be taken in the container. Raises TryAgain, or
        StoreFailure where there can be no such file.
        """
        self.locks = (locks.take(state_dir, self._inode, f"CNI_NETNS {self.path}", patience or locks.patience()),)

    def let_go_of_path(self) -> None:
        """Hold the namespace alone from now on, so that umount(2) of the file at ``path`` does not find it busy.

        Where it raises OSError, this is closed.
        """
        from link.netlink import Netlink  # noqa: PLC0415 - loaded by whoever comes to the kernel

        passed = self.descriptor
        try:
            with self.entered():
                self.descriptor = _open_own()
                self._netlink = Netlink()  # what ``netlink`` would pay a second visit for
        except BaseException:
            if self._netlink:
                self._netlink.close()
            if self.descriptor != passed:
                os.close(self.descriptor)
            raise
        finally:
            os.close(passed)

    def netlink(self) -> Netlink:
        """A new socket of the namespace, for the taker to close. Raises OSError."""
        from link.netlink import Netlink  # noqa: PLC0415 - as above

        ready, self._netlink = self._netlink, None
        if ready:
            return ready
        with self.entered():
            return Netlink()

    def entered(self) -> _Visit:
        """Have the calling thread live in this namespace for a while: in a ``with`` block, which raises OSError."""
        return _Visit(self.descriptor)


class _Visit:
    """A stay of the calling thread in a namespace; every call has two or three, for which a generator is slow."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        self._home = _open_own()
        try:
            move_thread(self._descriptor)
        except BaseException:
            os.close(self._home)
            raise

    def __exit__(self, *_: object) -> None:
        try:
            move_thread(self._home)
        finally:
            os.close(self._home)


def open_namespace(path: str) -> Namespace:
    """Open the namespace at a path such as /run/netns/x or /proc/1/ns/net.

    Raises UnknownContainer where nothing is there, InvalidNamespace where something else is: by the kernel's word, so
    that both prove that the container is gone. Raises TryAgain or InvalidEnvironment where it cannot be known.
    """
    namespace_device = _namespace_device()  # what the system says to this tells nothing of the path
    try:
        # A first look has no effect on a device or FIFO that bears the name.
        looked = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            is_namespace = os.fstat(looked).st_dev == namespace_device
        finally:
            os.close(looked)
        if not is_namespace:
            raise _no_namespace(path, "it is no namespace file")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in GONE:
            raise UnknownContainer(
                f"failed to open netns {path!r}: {error.strerror}; CNI_NETNS has to name the container's namespace",
                "the container is gone, or was never made",
            ) from error
        if error.errno in LEADS_NOWHERE:
            raise InvalidEnvironment(
                f"CNI_NETNS {path[:80]!r}: {error.strerror}; name the file of the container's network namespace",
                "whether the container is gone is not known: nothing was removed or released",
            ) from error
        raise TryAgain(
            f"failed to open netns {path!r}: {error.strerror}; let root open it, with CAP_SYS_PTRACE below /proc, "
            "and with descriptors and memory to spare, and call again",
            "whether the container is gone is not known: nothing was removed or released",
        ) from error
    return adopt_namespace(path, descriptor)


@cache
def _namespace_device() -> int:
    """The st_dev of every namespace file: the kernel has one nsfs."""
    with closing(open_own()) as own:
        return own.device


def _no_namespace(path: str, reason: str) -> InvalidNamespace:
    return InvalidNamespace(
        f"failed to open netns {path!r}: {reason}; CNI_NETNS has to name a network namespace",
        "as in /run/netns/NAME or /proc/PID/ns/net",
    )


def adopt_namespace(path: str, descriptor: int) -> Namespace:
    """Take over a descriptor that was opened at this path. Raises InvalidNamespace or TryAgain, having closed it."""
    try:
        if fcntl.ioctl(descriptor, NS_GET_NSTYPE) == CLONE_NEWNET:
            return Namespace(path, descriptor)
        reason = "it is a namespace of another type"
    except OSError as error:
        if error.errno not in NO_NAMESPACE:
            os.close(descriptor)
            raise TryAgain(
                f"failed to look at netns {path!r}: {error.strerror}; call again",
                "whether the container is gone is not known: nothing was removed or released",
            ) from error
        reason = "it is no namespace file"
    os.close(descriptor)
    raise _no_namespace(path, reason)


def own_identity() -> str:
    """The identity of the namespace that the calling thread lives in."""
    try:
        return _identity(os.stat(OWN))
    except FileNotFoundError:  # as in _open_own
        with closing(open_own()) as own:
            return own.identity


def open_own() -> Namespace:
    """The namespace that the calling thread lives in."""
    return Namespace(OWN, _open_own())


@contextmanager
def throw_away() -> Iterator[Namespace]:
    """A new namespace without a name, for a try: with the block's end it is gone, and all that was made in it."""
    home = _open_own()
    try:
        part_thread(CLONE_NEWNET)
        try:
            made = Namespace("a throw-away namespace", _open_own())
        finally:
            move_thread(home)
    finally:
        os.close(home)
    try:
        yield made
    finally:
        made.close()


def _identity(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"


def _open_own() -> int:
    try:
        return os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # /proc is of other processes, as for who has entered a container's mount namespace alone.
        from link.netlink import namespace_of_a_socket  # noqa: PLC0415 - loaded by whoever comes to the kernel

        return namespace_of_a_socket()


class NoWayHome(Exception):
    """A thread could not return to its own namespaces: it must serve nobody any more."""


class NotANamespace(Exception):
    """A descriptor that a thread was to enter is no namespace of its kind."""


class Home:
    """The network and mount namespace and the root directory that the threads of this process live in."""

    def __init__(self) -> None:
        self._network = _open_own()
        self._mount = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self._root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextmanager
    def away(self, network: int, mount: int, root: int | None) -> Iterator[None]:
        """Have the calling thread stand where another process does; ``root`` None: in its mount namespace's root.

        Raises NotANamespace if it cannot go there, NoWayHome if it cannot come back.
        """
        abroad = not os.path.sameopenfile(mount, self._mount)
        try:
            try:
                # A thread's own from now on: threads that share these change neither mount namespace nor root.
                part_thread(CLONE_FS)
                if abroad:
                    move_thread(mount, CLONE_NEWNS)
                if root is not None:
                    make_root(root)
                move_thread(network)
            except OSError as error:
                raise NotANamespace(str(error)) from error
            yield
        finally:
            try:
                move_thread(self._network)
                if abroad:
                    move_thread(self._mount, CLONE_NEWNS)
                make_root(self._root)
            except OSError as error:
                raise NoWayHome(str(error)) from error
