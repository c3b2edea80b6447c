"""A container runtime as libcni is one: it executes a plugin, keeps the answer, and brings it back as prevResult."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.ways import Executed

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.ways import Way

REPOSITORY = Path(__file__).resolve().parent.parent
DOOR = REPOSITORY / "cni-macvlan-py"
REFERENCE = Path("/usr/lib/cni")
ROLES = ("macvlan", "host-local", "static")
TYPE = "macvlan"
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a call of a plugin came to; ``document`` is None when stdout was empty."""

    status: int
    document: Any
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.status == 0

    @property
    def code(self) -> int:
        """The error's code; 0 on success."""
        return 0 if self.ok else int(self.document["code"])

    @property
    def msg(self) -> str:
        """The error's text, message and details; empty on success."""
        return "" if self.ok else f"{self.document['msg']} {self.document.get('details', '')}".strip()

    def expect(self) -> Any:  # noqa: ANN401 - a CNI result
        """The document of a call that had to succeed."""
        assert self.ok, f"exit {self.status}: {self.stdout}\n{self.stderr}"
        return self.document

    @property
    def addresses(self) -> list[str]:
        """The addresses of a result of cniVersion 0.3.0 and later."""
        return [ip["address"] for ip in self.expect().get("ips", [])]


class Runtime:
    """Calls one set of plugins, from the node of a Lan, with a settings file, state and leases of its own.

    ``plugins`` maps file names in CNI_PATH to executables; ``way`` is how ours is called, and ``entry`` what of ours is
    executed, in every runtime.
    """

    way: Way = Executed()
    entry: Path = DOOR

    def __init__(self, lan: Lan, plugins: dict[str, Path], directory: Path) -> None:
        self.lan = lan
        self.directory = directory
        self.cni_path = directory / "bin"
        self.state_dir = directory / "state"
        self.data_dir = directory / "networks"
        self.log_file = directory / "log"
        self.cni_path.mkdir(parents=True)
        for name, executable in plugins.items():
            (self.cni_path / name).symlink_to(executable)
        self.settings = directory / "settings.toml"
        self.settings.write_text(f'state_dir = "{self.state_dir}"\nlog_file = "{self.log_file}"\nlog_level = "debug"\n')
        self.results: dict[tuple[str, str], Json] = {}

    def pool(self, *subnets: str, **keys: object) -> Json:
        """A host-local ``ipam`` object with one range set for each subnet and leases of our own."""
        ipam: Json = {"type": "host-local", "dataDir": str(self.data_dir), **keys}
        if subnets:
            ipam["ranges"] = [[{"subnet": subnet}] for subnet in subnets]
        return ipam

    def config(self, ipam: Json | None = None, **keys: object) -> Json:
        """A network configuration on the node's eth0; without ``ipam`` pure layer 2, a key of None is left out."""
        made: Json = {"cniVersion": "1.0.0", "name": self.lan.network, "type": TYPE, "master": "eth0"}
        if ipam is not None:
            made["ipam"] = ipam
        return {key: value for key, value in (made | keys).items() if value is not None}

    def call(self, command: str, stdin: str, *, plugin: str = TYPE, **variables: str) -> Answer:
        """Execute a plugin of CNI_PATH in the node; variables are given without CNI_, empty ones are left out."""
        environment = {
            "PATH": os.environ["PATH"],
            "CNI_MACVLAN_SETTINGS": str(self.settings),
            **{
                f"CNI_{name}": value
                for name, value in {"COMMAND": command, "PATH": str(self.cni_path), **variables}.items()
                if value
            },
        }
        executable = self.cni_path / plugin
        # Others' plugins are executed, in an environment in which ours, executed by them, finds the agent.
        others = self.way if isinstance(self.way, Executed) else Executed()
        way = self.way if executable.resolve() in {DOOR, self.entry} else others
        done = way.call(executable, self.lan.node.path, environment, stdin, self.directory)
        return Answer(done.returncode, one_document(done.stdout), done.stdout, done.stderr)

    def attach(  # noqa: PLR0913 - the parameters of CNI are what they are
        self, command: str, config: Json, container: Namespace | None, *, ifname: str = "net1",
        container_id: str = "", netns: str | None = None, args: str = "", plugin: str = TYPE,
    ) -> Answer:  # fmt: skip
        """ADD, DEL or CHECK of an attachment; its container id is the namespace's name unless given."""
        path = netns if netns is not None else str(container.path) if container else ""
        owner = container_id or (container.name if container else "")
        return self.call(
            command, json.dumps(config), plugin=plugin, CONTAINERID=owner, NETNS=path, IFNAME=ifname, ARGS=args
        )

    def add(self, config: Json, container: Namespace, **how: Any) -> Answer:  # noqa: ANN401 - as attach
        """ADD; the result is kept for CHECK and DEL."""
        answer = self.attach("ADD", config, container, **how)
        if answer.ok:
            self.results[container.name, how.get("ifname", "net1")] = answer.document
        return answer

    def check(self, config: Json, container: Namespace, **how: Any) -> Answer:  # noqa: ANN401 - as attach
        """CHECK with the kept result as prevResult, unless the configuration has its own."""
        return self.attach("CHECK", self._with_result(config, container, how), container, **how)

    def delete(self, config: Json, container: Namespace, **how: Any) -> Answer:  # noqa: ANN401 - as attach
        """DEL with the kept result as prevResult."""
        return self.attach("DEL", self._with_result(config, container, how), container, **how)

    def _with_result(self, config: Json, container: Namespace, how: Json) -> Json:
        kept = self.results.get((container.name, how.get("ifname", "net1")))
        return {"prevResult": kept, **config} if kept is not None else config

    def status(self, config: Json) -> Answer:
        """STATUS."""
        return self.call("STATUS", json.dumps(config))

    def gc(self, config: Json, *valid: tuple[Namespace, str]) -> Answer:
        """GC that lets the given attachments live."""
        listed = [{"containerID": container.name, "ifname": ifname} for container, ifname in valid]
        return self.call("GC", json.dumps({**config, "cni.dev/valid-attachments": listed}))

    def version(self, stdin: str = '{"cniVersion": "1.0.0"}') -> Answer:
        """VERSION."""
        return self.call("VERSION", stdin)

    def held(self) -> list[str]:
        """The addresses that host-local's directory has leases for, sorted as text."""
        directory = self.data_dir / self.lan.network
        if not directory.is_dir():
            return []
        return sorted(entry.name for entry in directory.iterdir() if entry.name[0].isdigit() or ":" in entry.name)


def one_document(stdout: str) -> Any:  # noqa: ANN401 - any JSON
    """The only JSON document on stdout, None when there is nothing at all."""
    if not stdout:
        return None
    document, end = json.JSONDecoder().raw_decode(stdout)
    assert not stdout[end:].strip(), f"more than one document on stdout: {stdout}"
    return document
