"""The node that a command is about: the one that it runs on, with the settings that calls have."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import click

from console.configs.networks import CONF_DIR
from plugin.node import Node, read_settings
from plugin.release import BIN_DIRS

if TYPE_CHECKING:
    from console.survey.addresses import Addresses

conf_dir_option: Final = click.option(
    "--conf-dir",
    metavar="DIR",
    default=CONF_DIR,
    show_default=True,
    type=click.Path(file_okay=False, readable=False),
    help="Where the network configurations are.",
)
cni_path_option: Final = click.option(
    "--cni-path",
    metavar="DIRS",
    default=BIN_DIRS,
    show_default=True,
    envvar="CNI_PATH",
    help="Where the plugins are.",
)
data_dir_option: Final = click.option(
    "--data-dir",
    "data_dirs",
    metavar="DIR",
    multiple=True,
    type=click.Path(file_okay=False, readable=False),
    help="A directory of host-local's, beside those that leases and configurations name.",
)


def require_known(network: str, seen: Addresses) -> None:
    """Raise BadParameter for a network that is neither configured nor holds anything; "" is none."""
    known = sorted(seen.networks())
    if network and network not in known:
        there_are = f"there are {', '.join(known)}" if known else "there is none"
        close = get_close_matches(network, known, 1)
        meant = f'; did you mean "{close[0]}"?' if close else ""
        raise click.BadParameter(f'no network "{network}": {there_are}{meant}', param_hint="--network")


def this_node() -> Node:
    """The node with its settings; raises InvalidSettings."""
    return Node(read_settings(os.environ), os.path.realpath(sys.argv[0]), lambda: False)
