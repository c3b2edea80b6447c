"""``lint``: everything that is wrong with network configurations, before a container finds out."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from conf.errors import CniError
from plugin.cli.findings import ERROR, Finding, at, of_file
from plugin.cli.here import cni_path_option, this_node
from plugin.cli.judge import is_main, is_ours, judge
from plugin.cli.networks import Network, configurations_in, read_json, read_text
from plugin.cli.output import document, json_option
from plugin.cli.overlaps import doubled, overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conf.request import Request
    from plugin.cli.networks import Plugin

COLOURS = {"error": "red", "warning": "yellow"}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
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
    findings = list(dict.fromkeys(_lint(_expanded(files), "" if no_node else cni_path)))
    errors = sum(each.severity == ERROR for each in findings)
    warnings = len(findings) - errors
    if as_json:
        document({"findings": [each.as_json() for each in findings], "errors": errors, "warnings": warnings})
    else:
        for each in findings:
            click.echo(str(each).replace(each.severity, click.style(each.severity, fg=COLOURS[each.severity]), 1))
        click.echo(f"errors: {errors}, warnings: {warnings}")
    return int(bool(errors or (strict and warnings)))


def _expanded(files: tuple[str, ...]) -> Iterator[str]:
    for file in files:
        yield from configurations_in(file) if os.path.isdir(file) else [file]


def _lint(files: Iterator[str], cni_path: str) -> Iterator[Finding]:
    """The findings of each file, and then those between them; without ``cni_path`` the node is not looked at."""
    node = this_node()
    plugins: list[Plugin] = []
    judged: list[tuple[Plugin, Request]] = []
    for file in files:
        for network in _networks(file):
            if isinstance(network, Finding):
                yield network
                continue
            for plugin in network.plugins():
                plugins.append(plugin)
                understood: list[Request] = []
                if not plugin.type:
                    yield at(network, plugin.path, ERROR, '"type" is missing; it names the plugin\'s file in CNI_PATH')
                if is_ours(plugin):
                    yield from judge(plugin, node, understood)
                if cni_path:
                    from plugin.cli.onnode import lacking  # noqa: PLC0415 - pyroute2 takes 150 ms to import

                    yield from lacking(plugin, next(iter(understood), None), cni_path)
                judged += [(plugin, request) for request in understood if is_main(plugin)]
            if network.values.get("plugins") == []:
                yield at(network, ("plugins",), ERROR, 'there is no plugin in "plugins"; name at least one')
    yield from doubled(plugins)
    yield from overlaps(judged)


def _networks(file: str) -> Iterator[Network | Finding]:
    label = "stdin" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else read_text(file)
        if file.endswith((".yaml", ".yml")) or '"kind"' in text or not text.lstrip().startswith(("{", "[")):
            from plugin.cli.manifests import read_manifests  # noqa: PLC0415 - yaml takes 25 ms to import

            found = read_manifests(label, text)
            yield from (each if isinstance(each, Network) else of_file(label, *each) for each in found)
        else:
            yield read_json(label, text)
    except CniError as error:
        yield of_file(label, 0, error)
