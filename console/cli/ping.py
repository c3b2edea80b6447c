"""``ping``: whether the agent is there; for probes, and for people who wonder."""

from __future__ import annotations

import os

import click

from agent.probe import probe
from console.cli.output import document, json_option, line
from plugin.client import DEFAULT_SOCKET


@click.command()
@click.option("--socket", metavar="PATH", help="Where it listens (default: CNI_MACVLAN_AGENT_SOCKET, else /run).")
@click.option("--own", is_flag=True, help="Let only an agent count that runs in this container (pid namespace).")
@json_option
def command(*, socket: str | None, own: bool, as_json: bool) -> int:
    """Ask the agent whether it takes calls.

    It greets whoever connects, and that is all that is waited for: an agent whose workers are busy is well. While one
    pod replaces another, both find the same agent at the socket; `--own` tells whose it is.
    """
    path = socket or os.environ.get("CNI_MACVLAN_AGENT_SOCKET") or os.fsdecode(DEFAULT_SOCKET)
    heard = probe(path)
    answers = heard.greets and (heard.process > 0 or not own)
    who = f"process {heard.process}" if heard.process else "an agent of another container"
    words = heard.words or f"{who} takes calls"
    if as_json:
        document({"socket": path, "answers": answers, "process": heard.process, "words": words})
    else:
        line(f"{path}: {words}", err=not answers)
    return int(not answers)
