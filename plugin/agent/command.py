"""``agent``: the command that runs an agent in the foreground."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

from conf.errors import CniError
from plugin import log
from plugin.agent.client import DEFAULT_SOCKET
from plugin.agent.server import Options, Server
from plugin.node import read_settings

if TYPE_CHECKING:
    import argparse


def run_agent(chosen: argparse.Namespace) -> int:
    """Serve until told to stop; the exit status is 1 where it could not begin."""
    path = chosen.socket or os.environ.get("CNI_MACVLAN_AGENT_SOCKET") or os.fsdecode(DEFAULT_SOCKET)
    if chosen.unless_running and _is_running(path):
        return 0
    try:
        log.set_up(read_settings(os.environ))
        server = Server(Options(path, workers=chosen.workers, limit=chosen.limit, idle=chosen.idle))
    except (CniError, OSError) as error:
        sys.stderr.write(f"cni-macvlan-py agent: {path}: {error}\n")
        return 1
    server.run()
    return 0


def _is_running(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True
