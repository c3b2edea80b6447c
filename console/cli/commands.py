"""The list of all commands, each of which is loaded when it is called, and what becomes of their failures."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from conf.errors import CniError
from console.cli.output import lines, note
from plugin.release import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "lint": "find everything that is wrong with network configurations",
    "schema": "print the JSON Schema of network configurations, for editors",
    "leases": "show who has which address, and how many are free; release, rescue or restore",
    "gc": "remove what is left of containers that are gone",
    "demo": "attach two containers to one master, on real interfaces in throw-away namespaces",
    "agent": "serve the calls of this node from one process",
    "ping": "ask the agent whether it takes calls",
    "install": "put the native launcher into a CNI directory, for a node without Python",
    "uninstall": "take away what install put there",
    "show": "show masters, the containers on them, their addresses and leases",
    "trace": "replay a recorded call, and tell every step of it",
    "doctor": "look for everything that is known to go wrong on a node",
    "completion": "print a script that completes these commands in your shell",
    "version": "show the versions of the plugin and of its surroundings",
}
"""A line here is all that makes ``console/cli/NAME.py`` a command: its ``command`` is called and returns the status."""

EPILOG: Final = (
    "Exit status: 0 all is well; 1 something was found, or the command failed; 2 the command line is wrong; 128 and a "
    "signal's number: it ended the command. With --json, stdout is one JSON document, whose keys stay as they are."
)
INTERRUPTED: Final = 130
HELP: Final = "--help"


class Commands(click.Group):
    """Commands that are known by name and meaning until one of them is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in our order."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Load the module of the command that the arguments name."""
        name, known, rest = super().resolve_command(ctx, args)
        command: click.Command | None = import_module(f"console.cli.{name}").command if known else None
        return name, command, rest


def _show_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's
    if wanted:
        command: click.Command = import_module("console.cli.version").command
        context.exit(command.main([], standalone_mode=False))


ALL: Final = Commands(
    commands={name: click.Command(name, short_help=meaning) for name, meaning in COMMANDS.items()},
    help="A CNI plugin for macvlan interfaces. Container runtimes call it with CNI_COMMAND in the environment; people "
    "call it with one of these commands.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", HELP]},
    params=[
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="As the command version.",
        )
    ],
)


def serve(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name and return its exit status; its failures become one line."""
    if arguments[:1] == ["help"]:  # as other programs with commands have it
        arguments = [*arguments[1:], HELP]
    try:
        status: int = ALL.main(arguments, PROGRAM, standalone_mode=False)
    except click.UsageError as error:
        _show_misuse(error)
        return error.exit_code
    except click.ClickException as error:
        return _failed(arguments, error.format_message())
    except click.Abort:
        return INTERRUPTED
    except CniError as error:
        return _failed(arguments, f"{error} [code {error.code}]")
    return status


def _show_misuse(error: click.UsageError) -> None:
    """Show what click would, made printable."""
    if error.ctx:
        lines(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} {HELP}' for help.\n", err=True)
    note(f"Error: {error.format_message()}")


def _failed(arguments: Sequence[str], why: str) -> int:
    note(f"{PROGRAM} {arguments[0]}: {why}")
    return 1
