"""The node as a container sees it that installs into it: what is mounted below /host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from console.cli.cni_directory import Refused
from console.survey.namespaces import mount_points

if TYPE_CHECKING:
    from collections.abc import Iterable

HOST: Final = "/host"
BIN_DIR, ETC_DIR, RUN_DIR = f"{HOST}/opt/cni/bin", f"{HOST}/etc/cni-macvlan-py", f"{HOST}/run/cni-macvlan-py"

bin_dir_option = click.option(
    "--cni-bin-dir", metavar="DIR", default=BIN_DIR, show_default=True, help="The node's directory of CNI plugins."
)
etc_dir_option = click.option(
    "--etc-dir", metavar="DIR", default=ETC_DIR, show_default=True, help="The node's directory of the settings."
)
run_dir_option = click.option(
    "--run-dir", metavar="DIR", default=RUN_DIR, show_default=True, help="The node's directory of the agent's socket."
)


def require_host(*names: str) -> None:
    """Raise Refused where one of these options was not given, and its default is no part of a mounted host."""
    context = click.get_current_context()
    for name in names:
        path: str = context.params[name]
        if context.get_parameter_source(name) == ParameterSource.DEFAULT and not is_mounted(path, mount_points()):
            raise Refused(
                f"{path} is no part of a mounted host: this is for a container that has the node's directories below "
                f"{HOST}; on the node itself use make {context.info_name}, or name the directory with "
                f"--{name.replace('_', '-')}"
            )


def is_mounted(path: str, points: Iterable[str]) -> bool:
    """Whether a path below /host lies on one of the mount points that are there as well."""
    return any(
        os.path.commonpath([point, HOST]) == HOST and os.path.commonpath([point, path]) == point for point in points
    )
