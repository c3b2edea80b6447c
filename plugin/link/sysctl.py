"""Sysctls of one interface in the namespace that the calling thread is in; ``family`` is "ipv4" or "ipv6"."""

from __future__ import annotations

import os


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


def _path(family: str, ifname: str, key: str) -> str:
    return f"/proc/sys/net/{family}/conf/{ifname}/{key}"
