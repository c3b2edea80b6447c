"""What a thread does to itself: another namespace, or another root; the only module that does."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

CLONE_NEWNET, CLONE_NEWNS, CLONE_FS = 0x40000000, 0x00020000, 0x00000200  # linux/sched.h


def make_root(directory: int) -> None:
    """Have the calling thread begin its paths at a directory, relative ones too.

    Most callers' root is that of their mount namespace, where setns(2) leads: there this may be forbidden.
    """
    os.fchdir(directory)
    try:
        os.chroot(".")
    except PermissionError:
        if not os.path.samestat(os.stat("/"), os.fstat(directory)):
            raise


def visit_mount_namespace() -> None:
    """Leave the mount namespace and come back, as a thread of an agent does; for a thread that ends afterwards.

    Raises OSError where this cannot be done.
    """
    home = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        part_thread(CLONE_FS)
        part_thread(CLONE_NEWNS)
        move_thread(home, CLONE_NEWNS)
    finally:
        os.close(home)


if sys.version_info >= (3, 12):

    def part_thread(kind: int) -> None:
        """Give the calling thread a namespace of its own, or with CLONE_FS a root and directory. Raises OSError."""
        os.unshare(kind)

    def move_thread(descriptor: int, kind: int = CLONE_NEWNET) -> None:
        """Move the calling thread to the namespace that is open at a descriptor. Raises OSError."""
        os.setns(descriptor, kind)

else:
    import ctypes

    LIBC = ctypes.CDLL(None, use_errno=True)

    def part_thread(kind: int) -> None:
        """As above."""
        if LIBC.unshare(kind) < 0:
            _raise_errno()

    def move_thread(descriptor: int, kind: int = CLONE_NEWNET) -> None:
        """As above."""
        if LIBC.setns(descriptor, kind) < 0:
            _raise_errno()

    def _raise_errno() -> NoReturn:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
