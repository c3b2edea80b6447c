"""What is wrong with a file before its plugins are looked at; a runtime may refuse all networks because of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conf.errors import CniError
from conf.versions import LATEST
from plugin.lint.finding import ERROR, Finding, at, refused
from plugin.survey.networks import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugin.survey.networks import Network

MEND = "mend the file: a runtime may refuse all networks because of it"


def whole(network: Network | Unreadable) -> Iterator[Finding]:
    """Findings of one file, or of one document in it: whether it is a network configuration at all."""
    if isinstance(network, Unreadable):
        error = network.error
        text = error.msg if "; " in error.msg else f"{error.msg}; {MEND}"
        yield Finding(network.file, network.line, "", ERROR, error.code, text)
        return
    plugins = list(network.plugins())
    listed = network.values.get("plugins", plugins)
    if not isinstance(listed, list) or not listed or len(listed) != len(plugins):
        yield at(network, ("plugins",), ERROR, '"plugins" is no list of objects; write "plugins": [{"type": ...}]')
    for plugin in plugins:
        if not plugin.type:
            yield at(network, plugin.path, ERROR, '"type" is missing; it names the plugin\'s file in CNI_PATH')
    for plugin in plugins[:1]:
        try:
            replace(plugin, values=plugin.values | {"cniVersion": LATEST}).document()
        except CniError as error:
            yield refused(plugin, error)
