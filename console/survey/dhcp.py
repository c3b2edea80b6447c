"""The daemon of the reference's IPAM plugin ``dhcp``, which has to run before the plugin can do anything."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from conf.keys import fold_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "dhcp"
SOCKET: Final = "/run/cni/dhcp.sock"
SECONDS: Final = 2.0


def socket_of(ipam: Mapping[str, Any]) -> str:
    """Where a configuration's ``ipam`` object has the daemon listen."""
    path = fold_keys(ipam, ["daemonSocketPath"])[0].get("daemonSocketPath")
    return path if isinstance(path, str) and path else SOCKET


def trouble(path: str) -> str:
    """Why nobody can be spoken to at the socket, "" if somebody listens; nothing is said to them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as caller:
        caller.settimeout(SECONDS)
        try:
            caller.connect(path)
        except OSError as error:
            return error.strerror or str(error)
    return ""
