"""``completion``: the script by which a shell asks us what could be typed next."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from console.cli.commands import ALL
from console.cli.output import Plain, line
from console.cli.run import COMPLETE
from plugin.release import PROGRAM

SHELLS = {shell.name: shell for shell in (BashComplete, ZshComplete, FishComplete)}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
def command(shell: str) -> int:
    """Print a script that completes commands and options of cni-macvlan-py.

    \b
    bash: source <(cni-macvlan-py completion bash)
    zsh:  source <(cni-macvlan-py completion zsh)
    fish: cni-macvlan-py completion fish | source

    Put the line into the shell's start-up file to have it in every session.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    line(Plain(SHELLS[shell](ALL, {}, PROGRAM, COMPLETE).source()))
    return 0
