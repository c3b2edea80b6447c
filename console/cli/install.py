"""``install``: the native launcher, and if wanted the settings, for a node whose agent runs in a container."""

from __future__ import annotations

import os

import click

from conf.settings import parse_settings
from console.cli.cni_directory import CniDirectory, Refused, write_whole
from console.cli.host import bin_dir_option, etc_dir_option, require_host
from console.cli.output import document, json_option, line
from plugin.release import HOME, ROLES

LAUNCHER = os.path.join(HOME, "entry")
SETTINGS = "settings.toml"
OURS = b"# Written by `cni-macvlan-py install`, and to be overwritten by it; without this line the file is yours.\n"


@click.command()
@bin_dir_option
@etc_dir_option
@click.option("--links", metavar="ROLES", default="", help=f"More names to answer to, of: {' '.join(ROLES)}.")
@click.option("--settings", "source", metavar="FILE", help="Settings for the node; a file of its own is kept.")
@click.option("--force", is_flag=True, help="Set aside other plugins' files of the wanted names.")
@json_option
def command(  # noqa: PLR0913 - one for each option
    *, cni_bin_dir: str, etc_dir: str, links: str, source: str | None, force: bool, as_json: bool
) -> int:
    """Install the native launcher into a node's CNI directory.

    The launcher needs no Python on the node; an agent has to run there, in a container or by systemd. Names that an
    earlier call gave it and this one does not are taken away. Each file changes by one rename, so the plugin can be in
    use. For a node with Python there is `make install`.
    """
    roles = links.split()
    if unknown := [role for role in roles if role not in ROLES]:
        raise click.BadParameter(f"no such role: {' '.join(unknown)}", param_hint="--links")
    require_host("cni_bin_dir", *(["etc_dir"] if source else []))
    settings = _read_settings(source) if source else None
    directory = CniDirectory(cni_bin_dir)
    directory.put(_launcher(), roles, force=force)
    if settings is not None:
        directory.done.append(_put_settings(etc_dir, settings))
    tell(directory.done, as_json=as_json)
    return 0


def tell(done: list[tuple[str, str]], *, as_json: bool) -> None:
    """Write what was done."""
    if as_json:
        document([{"action": action, "path": path} for action, path in done])
    else:
        for action, path in done:
            line(f"{action} {path}")
        if not done:
            line("nothing to do")


def is_ours(path: str) -> bool:
    """Whether a settings file was written by us. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(len(OURS)) == OURS


def _launcher() -> bytes:
    """The launcher of this installation. Raises Refused."""
    if os.path.islink(LAUNCHER) or not os.path.isfile(LAUNCHER):
        raise Refused(f"{LAUNCHER} is no native launcher; install from the image, or make install with a C compiler")
    with open(LAUNCHER, "rb") as file:
        return file.read()


def _read_settings(source: str) -> bytes:
    """Settings that every call will be able to read. Raises InvalidSettings, OSError."""
    with open(source, "rb") as file:
        text = file.read()
    parse_settings(text, source)
    return text


def _put_settings(directory: str, text: bytes) -> tuple[str, str]:
    """Write the settings, unless there are some that an operator wrote; what was done to which file."""
    path = os.path.join(directory, SETTINGS)
    os.makedirs(directory, exist_ok=True)
    if os.path.lexists(path) and not is_ours(path):
        return "kept", path
    write_whole(f"{path}.new", OURS + text, 0o644)
    os.rename(f"{path}.new", path)
    return "installed", path
