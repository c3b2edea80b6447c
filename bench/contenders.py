"""Who is measured: the reference plugins, and ours through each of its doors, installed as on a node."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.figures import ALONE, DOOR, LAUNCHER, LAUNCHER_FILES, REFERENCES
from bench.network import MASTER
from bench.process import Call
from tests.reference import reference

if TYPE_CHECKING:
    from bench.agent import Agent

TREE: Final = Path(__file__).resolve().parent.parent
NETWORK: Final = "bench"
SUBNET: Final = "10.0.0.0/15"
NAMES: Final = ("macvlan", "host-local", "static", "cni-macvlan-py")
IFNAME: Final = "eth0"
POOL: Final = "cni-macvlan-py"

Json = dict[str, Any]


@dataclass(frozen=True)
class Contender:
    """A plugin as a runtime finds it: in a directory of CNI_PATH, with an agent behind it or none."""

    name: str
    directory: Path
    ipam_type: str
    agent: Agent | None = None

    def at(self, place: Path) -> Seat:
        """The contender with its leases below a directory; what lies there already is used."""
        place.mkdir(parents=True, exist_ok=True)
        settings = place / "settings.toml"
        settings.write_text(f'state_dir = "{place / "state"}"\nlog_level = "error"\n')
        return Seat(self, place, str(settings))


@dataclass(frozen=True)
class Seat:
    """A contender whose leases are in a certain place."""

    contender: Contender
    place: Path
    settings: str

    @property
    def ipam(self) -> Json:
        """The part of ``ipam`` that tells where leases are."""
        data_dir = {} if self.contender.ipam_type == POOL else {"dataDir": str(self.place / "networks")}
        return {"type": self.contender.ipam_type, **data_dir}

    def call(self, verb: str, stdin: Path, stdout: Path, **parameters: str) -> Call:
        """A call of the plugin; parameters are given without CNI_."""
        contender = self.contender
        variables = {
            "PATH": os.environ["PATH"],
            "CNI_COMMAND": verb,
            "CNI_PATH": str(contender.directory),
            "CNI_MACVLAN_SETTINGS": self.settings,
            "CNI_MACVLAN_AGENT_SOCKET": contender.agent.socket if contender.agent else "",
            **{f"CNI_{name}": value for name, value in parameters.items()},
        }
        return Call(str(contender.directory / "macvlan"), variables, str(stdin), str(stdout))


@dataclass
class Attachment:
    """One container's interface: the calls that make, check and remove it.

    ``case`` is what the ``ipam`` object says besides the place of the leases.
    """

    seat: Seat
    container: Path
    container_id: str
    case: Json
    _files: Path = field(init=False)

    def __post_init__(self) -> None:
        self._files = self.seat.place / "calls"
        self._files.mkdir(exist_ok=True)

    @property
    def add(self) -> Call:
        """The ADD."""
        return self._call("ADD", self._config)

    def remember(self) -> None:
        """Take ADD's answer as prevResult of what follows, as runtimes do."""
        self._result = json.loads((self._files / f"{self.container.name}.ADD.out").read_bytes())

    @property
    def check(self) -> Call:
        """The CHECK."""
        return self._call("CHECK", self._config | {"prevResult": self._result})

    @property
    def delete(self) -> Call:
        """The DEL."""
        return self._call("DEL", self._config | {"prevResult": self._result})

    @property
    def _config(self) -> Json:
        ipam = self.seat.ipam | self.case
        return {"cniVersion": "1.0.0", "name": NETWORK, "type": "macvlan", "master": MASTER, "ipam": ipam}

    def _call(self, verb: str, config: Json) -> Call:
        stdin = self._files / f"{self.container.name}.{verb}"
        stdin.write_text(json.dumps(config))
        parameters = {"CONTAINERID": self.container_id, "NETNS": str(self.container), "IFNAME": IFNAME}
        return self.seat.call(verb, stdin, stdin.with_suffix(f".{verb}.out"), **parameters)


def container_id(number: int) -> str:
    """A container id as runtimes make them: 64 hexadecimal digits, in no order."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4


def install(scratch: Path) -> tuple[Path, Path]:
    """Install the plugin; returns directories that have the Python door and the launcher under each name."""
    door, launcher = scratch / "app" / "current" / "cni-macvlan-py", scratch / "launcher" / "launcher"
    _make(["install", f"APP_DIR={scratch / 'app'}", f"CNI_BIN_DIR={scratch / 'bin'}"])
    _make(["-C", "launcher", f"BUILD={launcher.parent}", f"DOOR={door}"])
    doors, launchers = scratch / "doors", scratch / "launchers"
    for directory, executable in ((doors, door), (launchers, launcher)):
        directory.mkdir()
        for name in NAMES:
            (directory / name).symlink_to(executable)
    return doors, launchers


def contenders(doors: Path, launchers: Path, agent: Agent) -> dict[str, Contender]:
    """All of them, by name; the one of the host-local role gives addresses from host-local's files."""
    every = (
        *(Contender(name, reference(release), "host-local") for name, release in REFERENCES.items()),
        Contender(LAUNCHER, launchers, POOL, agent),
        Contender(DOOR, doors, POOL, agent),
        Contender(ALONE, doors, POOL),
        Contender(LAUNCHER_FILES, launchers, "host-local", agent),
    )
    return {contender.name: contender for contender in every}


def _make(words: list[str]) -> None:
    done = subprocess.run(["/usr/bin/env", "make", *words], cwd=TREE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"make {' '.join(words)}: {done.stdout}{done.stderr}")
