"""``agent``: the command that runs an agent in the foreground."""

from __future__ import annotations

import os
import resource
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

DESCRIPTORS = 8192  # four for each connection and each waiting call; services begin with 1024 in all
LONGEST_LIMIT = 86400
MISUSE = 2


def run_agent(chosen: argparse.Namespace) -> int:
    """Serve until told to stop; the exit status is 1 where it could not begin, 2 for options that make no sense."""
    if chosen.workers < 1 or not 0 < chosen.limit <= LONGEST_LIMIT:
        sys.stderr.write(f"cni-macvlan-py agent: needs --workers of 1 or more and --limit up to {LONGEST_LIMIT}\n")
        return MISUSE
    # An empty variable forbids to ask an agent; whoever starts one all the same means the usual place.
    path = os.path.abspath(chosen.socket or os.environ.get("CNI_MACVLAN_AGENT_SOCKET") or os.fsdecode(DEFAULT_SOCKET))
    if chosen.unless_running and _is_running(path):
        return 0
    _allow_descriptors()
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
        probe.setblocking(False)  # noqa: FBT003 - says what it means
        try:
            probe.connect(path)
        except BlockingIOError:  # it is so busy that its queue is full
            return True
        except OSError:
            return False
        return True


def _allow_descriptors() -> None:
    """Raise the soft limit of open files as far as the hard one allows and we may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
