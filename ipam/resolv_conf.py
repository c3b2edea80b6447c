"""A resolv.conf file as DNS settings (resolv.conf(5))."""

from __future__ import annotations

from typing import Final

from conf.errors import IoFailure
from conf.ipam_config import Dns
from ipam.regular import read_regular

LARGEST: Final = 1 << 16  # bytes; what resolvers take are some lines


def read_resolv_conf(path: str) -> Dns:
    """Read ``ipam.resolvConf``; lists add up and the last domain wins, as with host-local. Raises IoFailure."""
    try:
        text = read_regular(path, LARGEST).decode(errors="replace")
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
        raise IoFailure(
            f'open {path}: {reason}; "ipam.resolvConf" has to name a readable file', "in the form of resolv.conf(5)"
        ) from error
    nameservers: list[str] = []
    options: list[str] = []
    search: list[str] = []
    domain = ""
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0][0] in "#;":  # noqa: PLR2004 - a keyword and a value
            continue
        if words[0] == "nameserver":
            nameservers.append(words[1])
        elif words[0] == "domain":
            domain = words[1]
        elif words[0] == "search":
            search += words[1:]
        elif words[0] == "options":
            options += words[1:]
    return Dns(tuple(nameservers), domain, tuple(search), tuple(options))
