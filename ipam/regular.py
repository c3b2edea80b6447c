"""Files that somebody else has named: only regular ones are opened, and none is read beyond a bound.

A FIFO or a device of that name would hang a call for ever, or fill its memory; a symbolic link of a directory's other
writer would lead it elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat


def open_regular(path: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """A descriptor of the regular file at the path. Raises OSError, EINVAL where something else is there."""
    # O_NONBLOCK: opening a FIFO would wait for its other end.
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, mode)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "not a regular file", path)


def read_regular(path: str, limit: int, flags: int = 0) -> bytes:
    """The content of the regular file at the path. Raises OSError as above, EFBIG for more than ``limit`` bytes."""
    descriptor = open_regular(path, os.O_RDONLY | flags)
    with open(descriptor, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit} bytes", path)
    return content
