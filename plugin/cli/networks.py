"""Network configurations as they stand in files, and what each plugin of a network gets of them from a runtime."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from conf.document import Document, decode_object, read_document
from conf.environment import Environment
from conf.errors import CniError, IoFailure
from conf.versions import SUPPORTED
from plugin.cli.positions import Path, lines_of, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

CONF_DIR: Final = "/etc/cni/net.d"
BIN_DIRS: Final = "/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni"
SUFFIXES: Final = (".conf", ".conflist", ".json")
"""What runtimes read in such a directory."""


@dataclass(frozen=True)
class Network:
    """One network: ``file`` is for messages, ``name`` the one that it has where its configuration has none."""

    file: str
    values: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)
    name: str = ""

    def plugins(self) -> Iterator[Plugin]:
        """What each plugin gets (SPEC 1.1, section 3, "Deriving request configuration from plugin configuration")."""
        head = {"name": self.name, **self.values} if self.name else self.values
        listed = self.values.get("plugins")
        if not isinstance(listed, list):
            yield Plugin(self, (), head)
            return
        passed_on = {key: head[key] for key in ("cniVersion", "name") if key in head}
        if versions := [each for each in SUPPORTED if each in (self.values.get("cniVersions") or ())]:
            passed_on["cniVersion"] = versions[-1]
        for index, values in enumerate(listed):
            if isinstance(values, dict):
                yield Plugin(self, ("plugins", index), values | passed_on)

    def line(self, path: Path) -> int:
        """The line of the value, or of the nearest one that holds it; 0 if lines are not known."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


@dataclass(frozen=True)
class Plugin:
    """One plugin of a network: where it stands there, and the configuration that it gets."""

    network: Network
    path: Path
    values: dict[str, Any]

    @property
    def type(self) -> str:
        """The file name of its executable; "" where the configuration has none."""
        value = self.values.get("type")
        return value if isinstance(value, str) else ""

    @property
    def ipam_type(self) -> str:
        """The name of its IPAM plugin, "" for none."""
        ipam = self.values.get("ipam")
        value = ipam.get("type") if isinstance(ipam, dict) else None
        return value if isinstance(value, str) else ""

    def document(self, verb: str = "ADD") -> Document:
        """What it reads from stdin; raises as ``read_document``."""
        return read_document(json.dumps(self.values).encode(), verb)

    def __str__(self) -> str:
        where = spelled(self.path)
        return f"{self.network.file}: {where}" if where else self.network.file


def asking(verb: str, path: str, owner: tuple[str, str] = ("nobody", "eth0"), netns: str = "/") -> Environment:
    """The parameters of a call that we make up; ``path`` is CNI_PATH, ``owner`` container id and interface."""
    container_id, ifname = owner
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": container_id,
        "CNI_IFNAME": ifname,
        "CNI_NETNS": netns,
        "CNI_PATH": path,
    }
    directories = tuple(filter(None, path.split(":")))
    return Environment(verb, container_id, netns, ifname, path=directories, variables=variables)


def read_json(file: str, text: str, name: str = "") -> Network:
    """The network of a .conf or .conflist; raises DecodingFailure."""
    return Network(file, decode_object(text.encode()), lines_of(text), name)


def read_text(path: str) -> str:
    """The content of a file; raises IoFailure."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise IoFailure(f"{path}: cannot be read: {error}; name a readable file in UTF-8", "") from error


def configurations_in(directory: str) -> list[str]:
    """The paths of the files that a runtime reads there, in its order; a directory that is missing has none."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise IoFailure(f"{directory}: cannot be read: {error.strerror}; name a readable directory", "") from error
    return [os.path.join(directory, name) for name in names if name.endswith(SUFFIXES)]


def plugins_in(directory: str, passed_over: list[str]) -> list[Plugin]:
    """Every plugin of every network in a directory; why a file was passed over is added to the list."""
    found: list[Plugin] = []
    for path in configurations_in(directory):
        try:
            found += read_json(path, read_text(path)).plugins()
        except CniError as error:
            passed_over.append(f"{path}: {error.msg}")
    return found
