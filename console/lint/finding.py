"""One thing that is wrong with a configuration: where, how bad, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from conf.errors import CniError
from console.configs.positions import Path, parsed, spelled

if TYPE_CHECKING:
    from console.configs.networks import Network, Plugin

ERROR = "error"
WARNING = "warning"
OF_THE_LIST = ("name", "cniVersion", "disableCheck", "disableGC")
"""Keys that the plugins of a list have from the list."""


@dataclass(frozen=True)
class Finding:
    """An "error" lets ADD fail, with the code; a "warning" does something else than was probably meant.

    ``line`` is counted from 1, 0 where none is known; ``key`` is the place in the file, "" for all of it. Behind the
    first semicolon of the message stands the cure.
    """

    file: str
    line: int
    key: str
    severity: str
    cni_code: int | None
    message: str

    def __str__(self) -> str:
        """One line, in the form that editors jump to."""
        code = f" [code {self.cni_code}]" if self.cni_code else ""
        return f"{self.where}: {self.severity}: {self.text}{code}"

    @property
    def where(self) -> str:
        """The file, with the line where that is known."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def text(self) -> str:
        """The message behind the key that it is about."""
        return f"{self.key}: {self.message}" if self.key else self.message

    def as_json(self) -> dict[str, Any]:
        """The finding for programs."""
        fields = asdict(self)
        return fields | {"code": fields.pop("cni_code")}


def refused(plugin: Plugin, error: CniError, key: str = "") -> Finding:
    """What an ADD would be refused for; ``key`` where the error does not know it."""
    return at(plugin.network, place(plugin, key or error.key), ERROR, words(error), error.code)


def words(error: CniError) -> str:
    """An error's message, in which the cure stands behind a semicolon."""
    return error.msg if "; " in error.msg or not error.details else f"{error.msg}; {error.details}"


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
