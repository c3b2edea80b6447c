"""``version``: what is installed here, as a bug report needs it."""

from __future__ import annotations

import os
import platform
import tomllib

import click

from conf.versions import SUPPORTED
from plugin.cli import PROGRAM
from plugin.cli.output import document, json_option

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@click.command()
@json_option
def command(*, as_json: bool) -> int:
    """Show what a bug report needs.

    That is the plugin's version, the versions of the CNI specification that it speaks, and what it runs on.
    """
    found = _found()
    if as_json:
        document(found)
        return 0
    click.echo(
        f"{PROGRAM} {found['version']}\n"
        f"CNI protocol versions supported: {', '.join(SUPPORTED)}\n"
        f"installed in {found['directory']}\n"
        f"Python {found['python']}, {found['kernel']}"
    )
    return 0


def _found() -> dict[str, str | list[str]]:
    """Raise OSError where the tree is incomplete."""
    with open(os.path.join(HOME, "pyproject.toml"), "rb") as file:
        version = tomllib.load(file)["project"]["version"]
    return {
        "version": version,
        "cniVersions": list(SUPPORTED),
        "directory": HOME,
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()}",
    }
