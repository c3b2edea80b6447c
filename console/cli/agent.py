"""``agent`` as the list of commands and the shells' completion know it; agent/command.py does without click."""

from __future__ import annotations

import click

from agent.command import OPTIONS

command = click.Command(
    "agent",
    params=[click.Option([name], is_flag="action" in words) for name, words in OPTIONS.items()],
)
