"""``version``: what is installed here, as a bug report needs it."""

from __future__ import annotations

import platform

import click

from conf.versions import SUPPORTED
from console.cli.output import document, json_option, lines
from plugin.release import HOME, PROGRAM, version_of


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
    lines(
        f"{PROGRAM} {found['version']}\n"
        f"CNI protocol versions supported: {', '.join(SUPPORTED)}\n"
        f"installed in {found['directory']}\n"
        f"Python {found['python']}, {found['kernel']}"
    )
    return 0


def _found() -> dict[str, str | list[str]]:
    """Raise OSError where the tree is incomplete."""
    return {
        "version": version_of(HOME),
        "cniVersions": list(SUPPORTED),
        "directory": HOME,
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()}",
    }
