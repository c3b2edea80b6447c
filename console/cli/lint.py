"""``lint``: everything that is wrong with network configurations, before a container finds out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from conf.errors import CniError, IoFailure
from conf.ipam_config import POOL
from console.cli.output import COLOURS, document, json_option, line, styled
from console.cli.this_node import cni_path_option
from console.configs.networks import SUFFIXES, Network, Unreadable, networks_in, read_json, read_text
from console.lint.file import whole
from console.lint.finding import ERROR, Finding
from console.lint.gateways import outside
from console.lint.judge import judge
from console.lint.overlaps import doubled, overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIN_TYPES = {POOL, "macvlan"}
"""What we serve as main plugin on a node that is set up for it; doctor knows what a node really has."""


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True, readable=False))
@click.option("--strict", is_flag=True, help="Let warnings count for the exit status.")
@click.option("--no-node", is_flag=True, help="Leave out whether this node has the master and the plugins.")
@cni_path_option
@json_option
def command(*, files: tuple[str, ...], strict: bool, no_node: bool, cni_path: str, as_json: bool) -> int:
    """Find everything that is wrong with network configurations.

    FILES are .conf and .conflist files, YAML with NetworkAttachmentDefinitions among other documents, directories of
    configurations, or - for stdin. An "error" lets ADD fail, with the code that is shown. A "warning" is a key that
    nobody reads, or does something else than was probably meant. Exit status 1 if there are errors.
    """
    findings = list(dict.fromkeys(_lint(files, "" if no_node else cni_path)))
    errors = sum(each.severity == ERROR for each in findings)
    warnings = len(findings) - errors
    if as_json:
        document({"findings": [each.as_json() for each in findings], "errors": errors, "warnings": warnings})
    else:
        for each in findings:
            before, _, after = str(each).partition(each.severity)
            line(before, styled(each.severity, fg=COLOURS[each.severity]), after)
        line(f"errors: {errors}, warnings: {warnings}")
    return int(bool(errors or (strict and warnings)))


def _lint(files: tuple[str, ...], cni_path: str) -> Iterator[Finding]:
    """The findings of each file, and then those between them; without ``cni_path`` the node is not looked at."""
    networks, meanings = [], []
    for network in (each for file in files for each in _read(file)):
        yield from whole(network)
        if isinstance(network, Unreadable):
            continue
        networks.append(network)
        for plugin in network.plugins():
            is_main = plugin.type in MAIN_TYPES
            verdict = judge(plugin, is_main=is_main)
            yield from verdict.findings
            yield from outside(verdict)
            meanings += [verdict.meaning] if verdict.meaning else []
            if cni_path:
                from console.lint.on_node import lacking  # noqa: PLC0415 - a node is looked at only where one is named

                yield from lacking(verdict, list(filter(None, cni_path.split(":"))), is_main=is_main)
    yield from doubled(networks)
    if cni_path:
        from console.lint.on_node import wire  # noqa: PLC0415 - as above

        yield from overlaps(meanings, wire)
    else:
        yield from overlaps(meanings)


def _read(file: str) -> Iterator[Network | Unreadable]:
    """The networks of a directory, a file, or stdin for "-". Raises IoFailure for a directory."""
    if os.path.isdir(file):
        text = "there is no configuration in it; name a directory of .conf and .conflist files, and YAML by its files"
        yield from networks_in(file) or [Unreadable(file, IoFailure(text, ""))]
        return
    label = "stdin" if file == "-" else file
    try:
        text = read_text(file)
        if _is_manifest(file, text):
            from console.configs.manifests import read_manifests  # noqa: PLC0415 - yaml takes 25 ms to import

            yield from read_manifests(label, text)
        else:
            yield read_json(label, text)
    except CniError as error:
        yield Unreadable(label, error)


def _is_manifest(file: str, text: str) -> bool:
    """Whether it is for a cluster and not for a runtime, which reads JSON alone; nothing at all is broken JSON."""
    if file.endswith((".yaml", ".yml")) or '"kind"' in text:
        return True
    return bool(text.strip()) and not file.endswith(SUFFIXES) and not text.lstrip().startswith(("{", "["))
