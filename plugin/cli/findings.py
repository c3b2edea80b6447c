"""What a linter finds: where, how bad, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from conf.errors import CniError
from plugin.cli.positions import Path, parsed, spelled

if TYPE_CHECKING:
    from plugin.cli.networks import Network, Plugin

ERROR = "error"
WARNING = "warning"
OF_THE_LIST = ("name", "cniVersion", "disableCheck", "disableGC")
"""Keys that the plugins of a list have from the list."""


@dataclass(frozen=True)
class Finding:
    """An "error" lets ADD fail, with the code; a "warning" does something else than was probably meant.

    ``line`` is counted from 1, 0 where none is known; ``key`` is the place in the file, "" for all of it.
    """

    file: str
    line: int
    key: str
    severity: str
    cni_code: int | None
    message: str

    def __str__(self) -> str:
        """One line, in the form that editors jump to."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        return f"{where}: {self.severity}: {key}{self.message}{f' [code {self.cni_code}]' if self.cni_code else ''}"

    def as_json(self) -> dict[str, Any]:
        """The finding for programs."""
        fields = asdict(self)
        return fields | {"code": fields.pop("cni_code")}


def of_file(file: str, line: int, error: CniError) -> Finding:
    """A file that is no configuration."""
    return Finding(file, line, "", ERROR, error.code, error.msg)


def refused(plugin: Plugin, error: CniError, key: str = "") -> Finding:
    """What an ADD would be refused for; ``key`` where the error does not know it."""
    return at(plugin.network, place(plugin, key or error.key), ERROR, error.msg, error.code)


def doubtful(plugin: Plugin, key: str, message: str) -> Finding:
    """What an ADD would not be refused for."""
    return at(plugin.network, place(plugin, key), WARNING, message)


def at(network: Network, path: Path, severity: str, message: str, code: int | None = None) -> Finding:
    """A finding at a place of a network's file."""
    return Finding(network.file, network.line(path), spelled(path), severity, code, message)


def place(plugin: Plugin, key: str) -> Path:
    """Where a key of the plugin's configuration stands in its file."""
    path = parsed(key)
    return path if path[:1] and path[0] in OF_THE_LIST else plugin.path + path
