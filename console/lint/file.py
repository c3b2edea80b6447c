"""What is wrong with a file before its plugins are looked at; a runtime may refuse all networks because of it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from conf.errors import CniError
from conf.versions import LATEST
from console.configs.networks import Unreadable
from console.lint.finding import ERROR, WARNING, Finding, at, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.configs.networks import Network

LIST, SINGLE = ".conflist", (".conf", ".json")
"""Endings of files with a list of plugins, and of those with one."""
MEND = "mend the file: a runtime may refuse all networks because of it"


def whole(network: Network | Unreadable) -> Iterator[Finding]:
    """Findings of one file, or of one document in it: whether it is a network configuration at all."""
    if isinstance(network, Unreadable):
        text = network.why if "; " in network.why else f"{network.why}; {MEND}"
        severity, code = (WARNING, None) if network.is_elsewhere else (ERROR, network.error.code)
        yield Finding(network.file, network.line, "", severity, code, text)
        return
    for path in network.positions.doubled:
        text = "it stands here once more, and only the last counts; remove all others"
        yield at(network, path, WARNING, text)
    plugins = list(network.plugins())
    listed = network.values.get("plugins", plugins)
    if not isinstance(listed, list) or not listed or len(listed) != len(plugins):
        yield at(network, ("plugins",), ERROR, '"plugins" is no list of objects; write "plugins": [{"type": ...}]')
    yield from _ending(network)
    offered = network.values.get("cniVersions", [])
    if "plugins" in network.values and not (
        isinstance(offered, list) and all(isinstance(each, str) for each in offered)
    ):
        text = f'"cniVersions" is {offered!r}, which is no list of strings; write for example ["{LATEST}"]'
        yield at(network, ("cniVersions",), ERROR, text)
    for plugin in plugins:
        if not plugin.type:
            yield at(network, plugin.path, ERROR, '"type" is missing; it names the plugin\'s file in CNI_PATH')
    for plugin in plugins[:1]:
        try:
            replace(plugin, values=plugin.values | {"cniVersion": LATEST}).document()
        except CniError as error:
            yield refused(plugin, error)


def _ending(network: Network) -> Iterator[Finding]:
    """A list in a file for a single plugin, or the other way round: libcni goes by the ending, and refuses both."""
    stem, ending = os.path.splitext(network.file)
    if "plugins" in network.values and ending in SINGLE:
        text = f'runtimes take a list of "plugins" from a .conflist only; mv {network.file} {stem}{LIST}'
        yield at(network, ("plugins",), ERROR, text)
    elif "type" in network.values and "plugins" not in network.values and ending == LIST:
        text = f'this is a single plugin, and runtimes want "plugins" in a .conflist; mv {network.file} {stem}.conf'
        yield at(network, ("type",), ERROR, text)
