"""The directory of network configurations: its files, and what every plugin named in them is told."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conf.document import decode_object
from conf.errors import CniError, InvalidNetworkConfig
from conf.keys import fold_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".conf", ".conflist", ".json")
"""What libcni takes for a configuration (ConfFiles)."""


@dataclass(frozen=True)
class Told:
    """What one plugin of a network's chain is told: its configuration with the network's name and version in it."""

    file: str
    network: str
    config: dict[str, Any]

    @property
    def type(self) -> str:
        """The plugin's file name; "" where none is given."""
        return _text(self.config, "type")

    @property
    def ipam_type(self) -> str:
        """The file name of its IPAM plugin; "" for none."""
        ipam = fold_keys(self.config, ["ipam"])[0].get("ipam")
        return _text(ipam, "type") if isinstance(ipam, dict) else ""

    def stdin(self) -> bytes:
        """What a runtime would write to the plugin."""
        return json.dumps(self.config).encode()


@dataclass(frozen=True)
class File:
    """A file of the directory: the plugins of its network in their order, or why it cannot be understood."""

    path: str
    plugins: tuple[Told, ...] = ()
    error: str = ""


def files(directory: str) -> list[File]:
    """Every file that runtimes would read, in their order. Raises OSError where the directory cannot be read."""
    names = sorted(name for name in os.listdir(directory) if name.endswith(SUFFIXES))
    return [_read(os.path.join(directory, name)) for name in names]


def _read(path: str) -> File:
    try:
        with open(path, "rb") as file:
            return File(path, tuple(_plugins(path, decode_object(file.read()))))
    except CniError as error:
        return File(path, error=error.msg)
    except OSError as error:
        return File(path, error=f"it cannot be read: {error.strerror}")


def _plugins(path: str, document: dict[str, Any]) -> Iterator[Told]:
    """The plugins of a list, or the only one of a plain configuration. Raises InvalidNetworkConfig."""
    head = fold_keys(document, ["cniVersion", "name"])[0]
    name = _text(document, "name")
    if not name:
        raise InvalidNetworkConfig('it has no "name", or one that is not a string', 'write "name": "lan"')
    chain = fold_keys(document, ["plugins"])[0].get("plugins")
    if chain is None:
        yield Told(path, name, document)
        return
    if not isinstance(chain, list) or not chain or not all(isinstance(each, dict) for each in chain):
        raise InvalidNetworkConfig('"plugins" is no list of objects', 'write "plugins": [{"type": ...}]')
    for plugin in chain:
        yield Told(path, name, {**plugin, **head})


def _text(values: dict[str, Any], key: str) -> str:
    value = fold_keys(values, [key])[0].get(key)
    return value if isinstance(value, str) else ""
