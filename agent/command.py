"""``agent``: the command that runs an agent in the foreground."""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
from typing import TYPE_CHECKING, Any

from agent.large import be_sparing
from agent.listener import is_listened_to
from agent.meter import NOBODY, Meter
from agent.server import Options, Server
from conf.errors import CniError
from conf.printable import printable
from plugin import log
from plugin.client import DEFAULT_SOCKET
from plugin.node import boot_id, read_settings

if TYPE_CHECKING:
    from conf.settings import Settings

DESCRIPTORS = 8192  # four for each connection and each waiting call; services begin with 1024 in all
LONGEST_LIMIT = 86400
MISUSE = 2
OPTIONS: dict[str, dict[str, Any]] = {
    "--socket": {"metavar": "PATH", "help": "where to listen (default: CNI_MACVLAN_AGENT_SOCKET, else /run)"},
    "--workers": {"type": int, "default": 16, "help": "calls served at the same time (default: %(default)s)"},
    "--limit": {"type": float, "default": 120, "help": "seconds that a call may take (default: %(default)s)"},
    "--idle": {"type": float, "default": 0, "help": "end after so many seconds without a call; 0: never"},
    "--unless-running": {"action": "store_true", "help": "end at once if an agent is there already"},
    "--stand-by": {"action": "store_true", "help": "do not end when another agent takes over, but wait to succeed it"},
}


def run_agent(arguments: list[str]) -> int:
    """Serve until told to stop; the exit status is 1 where it could not begin, 2 for options that make no sense.

    Raises SystemExit for options that are not understood.
    """
    chosen = _parser().parse_args(arguments)
    if chosen.workers < 1 or not 0 < chosen.limit <= LONGEST_LIMIT or not chosen.idle >= 0:
        needs = f"--workers of 1 or more, --limit above 0 and up to {LONGEST_LIMIT}, --idle of 0 or more"
        sys.stderr.write(f"cni-macvlan-py agent: needs {needs}\n")
        return MISUSE
    if chosen.idle and chosen.stand_by:
        sys.stderr.write("cni-macvlan-py agent: --idle ends an agent and --stand-by keeps it: choose one\n")
        return MISUSE
    # An empty variable forbids to ask an agent; whoever starts one all the same means the usual place.
    path = os.path.abspath(chosen.socket or os.environ.get("CNI_MACVLAN_AGENT_SOCKET") or os.fsdecode(DEFAULT_SOCKET))
    if chosen.unless_running and is_listened_to(path):
        return 0
    _allow_descriptors()
    be_sparing()
    try:
        settings = read_settings(os.environ)
        log.set_up(settings)
        options = Options(path, chosen.workers, limit=chosen.limit, idle=chosen.idle, stand_by=chosen.stand_by)
        server = Server(options, _meter(settings))
    except (CniError, OSError) as error:
        sys.stderr.write(printable(f"cni-macvlan-py agent: {path}: {error}") + "\n")
        return 1
    gc.freeze()  # what is there by now stays: no collection need look at it again
    server.run()
    return 0


def _meter(settings: Settings) -> Meter:
    """Who is told of calls; the libraries for numbers are loaded only where the settings ask for these."""
    if not settings.metrics:
        return NOBODY
    from agent.metrics import Metrics  # noqa: PLC0415 - as above
    from conf.endpoint import read_endpoint  # noqa: PLC0415 - as above
    from ipam.store.usage import UsageView  # noqa: PLC0415 - as above

    return Metrics(
        read_endpoint(settings.metrics), lambda: UsageView(read_settings(os.environ).state_dir, boot_id()).usage()
    )


def _parser() -> argparse.ArgumentParser:
    """A parser of the standard library: an agent keeps what it has imported."""
    parser = argparse.ArgumentParser(
        prog="cni-macvlan-py agent",
        description="Listen on a unix socket and serve calls without the cost of starting Python for each; for a "
        "service manager or a container. SIGTERM ends it after what it has begun.",
    )
    for name, words in OPTIONS.items():
        parser.add_argument(name, **words)
    return parser


def _allow_descriptors() -> None:
    """Raise the soft limit of open files as far as the hard one allows and we may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
