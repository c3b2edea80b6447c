"""Sysctls of one interface in the namespace that the calling thread is in; ``family`` is "ipv4" or "ipv6"."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

observe: Callable[[str, str], None] | None = None
"""Told of each path and the value written there while a call is traced."""


def read(family: str, ifname: str, key: str) -> str:
    """Return its value. Raises OSError."""
    with open(_path(family, ifname, key), "rb") as file:  # a codec may not be where an agent's caller stands
        return file.read().strip().decode()


def write(family: str, ifname: str, key: str, value: str) -> None:
    """Set it. Raises OSError."""
    descriptor = os.open(_path(family, ifname, key), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
    if observe is not None:
        observe(_path(family, ifname, key), value)


def _path(family: str, ifname: str, key: str) -> str:
    return f"/proc/sys/net/{family}/conf/{ifname}/{key}"
