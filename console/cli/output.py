"""How commands answer: tables and sentences for people, one JSON document for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from conf.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

Step = TypeVar("Step")
FULL_ID: Final = re.compile("[0-9a-f]{64}")

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON document to stdout, for programs."
)
dry_run_option: Final = click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask.")
COLOURS: Final = {"error": "red", "warning": "yellow", "notice": "cyan"}
"""Severities of what was found, the worst first."""
UNBROKEN: Final = 1000
"""Columns of an output that is no terminal: what reads lines should find one in each row."""


class Plain(str):
    """Text that is written as it is: our own, or made printable."""

    __slots__ = ()


def styled(text: str, **style: Any) -> Plain:  # noqa: ANN401 - as click.style
    """A part of a line, made printable and given a colour where there is a terminal."""
    return Plain(click.style(printable(text), **style))


def line(*parts: str, err: bool = False) -> None:
    """Write a line for people, made printable: on stdout what is the answer, on stderr what is none."""
    click.echo("".join(each if isinstance(each, Plain) else printable(each) for each in parts), err=err)


def lines(text: str, *, err: bool = False) -> None:
    """Write text whose line ends are our own, as ``line`` does."""
    for each in text.split("\n"):
        line(each, err=err)


def document(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Write the answer for programs."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows under their columns' names, a line for each; one that is too long is the terminal's to break."""
    lines = [columns, *(list(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    for each in padded:
        click.echo(each)


def console() -> Console:
    """What draws on stdout, as wide as a terminal allows."""
    from rich.console import Console  # noqa: PLC0415 - 50 ms that an answer for programs need not wait for

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else UNBROKEN)


def note(text: str) -> None:
    """Write what is no part of the answer."""
    line(text, err=True)


def require_root(why: str) -> None:
    """Raise ClickException for anybody else."""
    if os.geteuid():
        raise click.ClickException(f"needs root, {why}; run it with sudo")


def confirm(question: str) -> bool:
    """Ask, and tell whether the answer was yes; no answer is none."""
    click.echo(f"{printable(question)} [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        line(err=True)
    return answer.strip().lower() in {"y", "yes"}


def progress(steps: Sequence[Step], what: str) -> Iterable[Step]:
    """Go through the steps, with a bar on a terminal."""
    from rich.console import Console  # noqa: PLC0415 - see console
    from rich.progress import track  # noqa: PLC0415 - see console

    where = Console(stderr=True)
    return track(steps, what, console=where, transient=True, disable=not where.is_terminal)


def local_time(since: float) -> str:
    """Seconds since the epoch as people of this place read them."""
    return datetime.fromtimestamp(since).astimezone().strftime("%Y-%m-%d %H:%M")


def utc_time(since: float) -> str:
    """Seconds since the epoch as RFC 3339 has them."""
    return datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def short(container_id: str) -> str:
    """A container's id as the tools of runtimes show it."""
    return container_id[:12] if FULL_ID.fullmatch(container_id) else container_id


def place(namespace: dict[str, list[Any]]) -> str:
    """Where an interface is whose namespace has these ``files`` and ``processes``."""
    if os.getpid() in namespace["processes"]:
        return "on the node itself"
    if namespace["files"]:
        return f"in {str(namespace['files'][0]).removeprefix('/run/netns/')}"
    return f"in process {namespace['processes'][0]}"
