"""Where numbers are asked for: the text of the setting ``metrics`` → a unix socket's path, or an address and a port."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

UNIX = "unix:"
LONGEST_PATH = 103  # sun_path of struct sockaddr_un, less the terminating NUL and the ".new" that it is made by
LAST_PORT = 65535
CURE = 'write "unix:/PATH", or an address and a port as in "127.0.0.1:9753" and "[::1]:9753"'


@dataclass(frozen=True)
class Endpoint:
    """A unix socket at ``path``, or where that is "" a TCP socket at the numeric ``host`` and ``port``."""

    path: str = ""
    host: str = ""
    port: int = 0


def read_endpoint(text: str) -> Endpoint:
    """Read the setting; raises ValueError that says what to write.

    An address is always spelt out: nobody opens a port to the network by leaving something away.
    """
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX)
        if not path.startswith("/") or "\0" in path or len(path.encode()) > LONGEST_PATH:
            raise ValueError(f"begin the path with / and give it at most {LONGEST_PATH} bytes, none of them NUL")
        return Endpoint(path=path)
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})", text)
    if match is None:
        raise ValueError(CURE)
    v6, v4, port = match.groups()
    try:
        host = ip_address(v6 or v4)
    except ValueError as error:
        raise ValueError(CURE) from error
    if (host.version == 4) != bool(v4) or not 0 < int(port) <= LAST_PORT:  # noqa: PLR2004 - IPv4
        raise ValueError(CURE)
    return Endpoint(host=str(host), port=int(port))
