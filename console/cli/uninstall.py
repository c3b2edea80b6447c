"""``uninstall``: the reverse of ``install``."""

from __future__ import annotations

import os

import click

from console.cli.cni_directory import CniDirectory
from console.cli.host import bin_dir_option, etc_dir_option, require_host, run_dir_option
from console.cli.install import SETTINGS, is_ours, tell
from console.cli.output import json_option
from ipam.store.witness import forget_all


@click.command()
@bin_dir_option
@etc_dir_option
@run_dir_option
@json_option
def command(*, cni_bin_dir: str, etc_dir: str, run_dir: str, as_json: bool) -> int:
    """Remove what `install` put into a node's directories.

    Files that it had set aside come back. Leases stay, and so do settings that an operator wrote. A container that
    still has an interface can no longer be detached: remove those first.
    """
    require_host("cni_bin_dir", "etc_dir")
    directory = CniDirectory(cni_bin_dir)
    directory.clear()
    path = os.path.join(etc_dir, SETTINGS)
    if os.path.lexists(path) and is_ours(path):
        os.unlink(path)
        directory.done.append(("removed", path))
    directory.done += [("removed", path) for path in forget_all(run_dir)]
    tell(directory.done, as_json=as_json)
    return 0
