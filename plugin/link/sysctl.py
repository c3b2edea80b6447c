"""Sysctls of one interface in the namespace that the calling thread is in."""

from __future__ import annotations

from pathlib import Path


def path_of(family: str, ifname: str, key: str) -> Path:
    """The file of a setting; ``family`` is "ipv4" or "ipv6"."""
    return Path("/proc/sys/net", family, "conf", ifname, key)


def write(family: str, ifname: str, key: str, value: str) -> str | None:
    """Set it and return what it was, None if it had the value already (then nothing is written). Raises OSError."""
    path = path_of(family, ifname, key)
    before = path.read_text().strip()
    if before == value:
        return None
    path.write_text(value)
    return before
