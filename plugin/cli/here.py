"""The node that a command is about: the one that it runs on, with the settings that calls have."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from plugin.node import Node, read_settings
from plugin.survey.networks import CONF_DIR
from plugin.survey.release import BIN_DIRS

conf_dir_option: Final = click.option(
    "--conf-dir",
    metavar="DIR",
    default=CONF_DIR,
    show_default=True,
    type=click.Path(file_okay=False),
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
    type=click.Path(file_okay=False),
    help="A directory of host-local's, beside those that leases and configurations name.",
)


def this_node() -> Node:
    """The node with its settings; raises InvalidSettings."""
    return Node(read_settings(os.environ), os.path.realpath(sys.argv[0]), lambda: False)
