"""Agents with more or less patience, and calls that are at work until a test lets them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.agent.process import inside_python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.namespaces import Namespace


def _waiting(seconds: float) -> tuple[str, ...]:
    """An agent that waits so long for a request, at its end too, and for DAD; its options precede its path."""
    return inside_python(f"""
from agent import command, server
from link import addressing
server.REQUEST_SECONDS = server.DRAIN_SECONDS = addressing.DAD_SECONDS = {seconds}
sys.exit(command.run_agent([*sys.argv[1:-1], "--socket", sys.argv[-1]]))
""")


def busy(fifo: Path, waiting: int) -> tuple[str, ...]:
    """An agent with one worker, which is at work on an ADD until the FIFO was written to, with so many that may wait.

    It opens the FIFO when it is.
    """
    return inside_python(f"""
from agent import command, server, worker
dispatch, limits = worker.dispatch, server.Options

def be_busy(variables, *rest):
    if variables["CNI_COMMAND"] == "ADD":
        open({str(fifo)!r}).read()
    return dispatch(variables, *rest)

worker.dispatch = be_busy
command.Options = lambda *chosen, **others: limits(*chosen, waiting={waiting}, **others)
sys.exit(command.run_agent(["--workers=1", "--socket", sys.argv[1]]))
""")


HASTY_SECONDS = 5.0
HASTY = _waiting(HASTY_SECONDS)
PATIENT = _waiting(180.0)  # gives up on nobody while a test lasts
PROBES = 1000  # of duplicate address detection, one each second


def detained(lan: Lan) -> Namespace:
    """A container whose ADD of an IPv6 address by a PATIENT agent has made the interface and ends at ``lan.unplug``.

    Duplicate address detection goes on until there is no carrier: then the kernel puts it off, and nobody waits for it.
    """
    container = lan.container(dad=True)
    container.sysctl("net/ipv6/conf/default/dad_transmits", PROBES)
    return container
