"""How commands answer: tables and sentences for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON document to stdout, for programs."
)
UNBROKEN: Final = 1000
"""Columns of an output that is no terminal: what reads lines should find one in each row."""


def document(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Write the answer for programs."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Write rows under their columns' names, as wide as a terminal allows."""
    from rich.console import Console  # noqa: PLC0415 - 50 ms that an answer for programs need not wait for
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else UNBROKEN)
    drawn = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*map(Text, row))  # Text: brackets in a name are no markup
    console.print(drawn)
