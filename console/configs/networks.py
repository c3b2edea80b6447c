"""Network configurations as they stand in files, and what each plugin of a network gets of them from a runtime."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from conf.document import Document, decode_object, read_document
from conf.errors import CniError, DecodingFailure, IoFailure
from conf.keys import fold_keys
from conf.versions import SUPPORTED
from console.configs.positions import Path, Positions, positions_of, spelled
from ipam.regular import read_regular
from ipam.store.privilege import cure_of_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

CONF_DIR: Final = "/etc/cni/net.d"
LARGEST: Final = 4 << 20  # bytes of a file, as of stdin
SUFFIXES: Final = (".conf", ".conflist", ".json")
"""What libcni takes for a configuration (ConfFiles)."""


@dataclass(frozen=True)
class Network:
    """One network: ``file`` is for messages, ``name`` the one that it has where its configuration has none."""

    file: str
    values: dict[str, Any]
    positions: Positions = field(default_factory=Positions)
    name: str = ""

    def plugins(self) -> Iterator[Plugin]:
        """What each plugin gets (SPEC 1.1, section 3, "Deriving request configuration from plugin configuration").

        As in libcni, keys of a list are exact; those of a plugin are for the plugin to read, without regard to case.
        """
        head = {"name": self.name, **self.values} if self.name else self.values
        if "plugins" not in self.values:
            yield Plugin(self, (), head)
            return
        listed = self.values["plugins"]
        passed_on = {key: head[key] for key in ("cniVersion", "name") if key in head}
        offered = self.values.get("cniVersions")
        if versions := [each for each in SUPPORTED if isinstance(offered, list) and each in offered]:
            passed_on["cniVersion"] = versions[-1]
        for index, values in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(values, dict):
                yield Plugin(self, ("plugins", index), values | passed_on)

    def line(self, path: Path) -> int:
        """The line of the value, or of the nearest one that holds it; 0 if lines are not known."""
        lines = self.positions.lines
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, 0)


@dataclass(frozen=True)
class Plugin:
    """One plugin of a network: where it stands there, and the configuration that it gets."""

    network: Network
    path: Path
    values: dict[str, Any]

    @property
    def name(self) -> str:
        """The network's name; "" where the configuration has none."""
        return _text(self.values, "name")

    @property
    def type(self) -> str:
        """The file name of its executable; "" where the configuration has none."""
        return _text(self.values, "type")

    @property
    def ipam(self) -> dict[str, Any]:
        """What it tells its IPAM plugin; {} for nothing."""
        ipam = fold_keys(self.values, ["ipam"])[0].get("ipam")
        return ipam if isinstance(ipam, dict) else {}

    @property
    def ipam_type(self) -> str:
        """The file name of its IPAM plugin; "" for none."""
        return _text(self.ipam, "type")

    def document(self, verb: str = "ADD") -> Document:
        """What it reads from stdin; raises as ``read_document``."""
        return read_document(json.dumps(self.values).encode(), verb)

    def __str__(self) -> str:
        where = spelled(self.path)
        return f"{self.network.file}: {where}" if where else self.network.file


@dataclass(frozen=True)
class Unreadable:
    """A text that is no configuration, and why; ``line`` is where it begins, 0 for the file as a whole.

    ``is_elsewhere`` if it does not have to be one, because it stands for a configuration of another place.
    """

    file: str
    error: CniError
    line: int = 0
    is_elsewhere: bool = False

    @property
    def why(self) -> str:
        """The error's message, for where the file is named already."""
        return self.error.msg.removeprefix(f"{self.file}: ")


def networks_in(directory: str) -> list[Network | Unreadable]:
    """What a runtime reads in a directory, in its order; one that is missing has nothing. Raises IoFailure."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    except OSError as error:
        cure = cure_of_refusal(error, "name a readable directory")
        raise IoFailure(f"{directory}: cannot be read: {error.strerror}; {cure}", "") from error
    return [_read(os.path.join(directory, name)) for name in names if name.endswith(SUFFIXES)]


def _read(path: str) -> Network | Unreadable:
    try:
        return read_json(path, read_regular(path, LARGEST).decode())
    except CniError as error:
        return Unreadable(path, error)
    except (OSError, UnicodeDecodeError) as error:
        return Unreadable(path, _unreadable(path, error))


def read_json(file: str, text: str, name: str = "") -> Network:
    """The network of a .conf or .conflist; raises DecodingFailure."""
    values = decode_object(text.encode())
    try:
        return Network(file, values, positions_of(text), name)
    except RecursionError as error:
        raise DecodingFailure("it is nested too deeply", "") from error


def read_text(path: str) -> str:
    """The content of a file, of stdin for "-"; raises IoFailure."""
    stdin = path == "-"
    try:
        with open(0 if stdin else path, encoding="utf-8", closefd=not stdin) as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable("stdin" if stdin else path, error) from error


def _unreadable(name: str, error: OSError | UnicodeDecodeError) -> IoFailure:
    why = getattr(error, "strerror", None) or error
    return IoFailure(f"{name}: cannot be read: {why}; {cure_of_refusal(error, 'name a readable file in UTF-8')}", "")


def _text(values: dict[str, Any], key: str) -> str:
    value = fold_keys(values, [key])[0].get(key)
    return value if isinstance(value, str) else ""
