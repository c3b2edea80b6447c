"""Calls of the plugin in processes of their own that need not import it first: 20 ms instead of 350.

A server in the node's network namespace has the imports done and forks for each call, which then runs the door.
So every instant of what a call does can be met, and hundreds of calls can really run at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.runtime import DOOR, REPOSITORY, one_document

if TYPE_CHECKING:
    from tests.lan import Lan

SERVER = Path(__file__).with_name("preload_server.py")
Json = dict[str, Any]


@dataclass(frozen=True)
class Attached:
    """Whom a call is about; ``netns`` is a path."""

    container_id: str
    netns: str
    ifname: str = "net1"


@dataclass(frozen=True)
class Outcome:
    """What became of a call; a negative ``status`` is the signal that ended it."""

    status: int
    stdout: str
    stderr: str
    seconds: float
    report: list[Any] = field(default_factory=list)

    @property
    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """The only JSON document on stdout."""
        return one_document(self.stdout)

    @property
    def code(self) -> int:
        """The error's code; 0 on success."""
        return int(self.document["code"]) if self.status else 0

    def expect(self) -> Any:  # noqa: ANN401 - a CNI result
        """The document of a call that had to succeed."""
        assert self.status == 0, f"status {self.status}: {self.stdout}\n{self.stderr}"
        return self.document


class Preload:
    """A node's plugin with state, leases and settings below ``directory``; a context manager."""

    def __init__(self, lan: Lan, directory: Path) -> None:
        self.lan = lan
        self.state_dir = directory / "state"
        self.data_dir = directory / "networks"
        self.bin = directory / "bin"
        self.bin.mkdir(parents=True)
        self.plugin = self.bin / "macvlan"
        for name in ("macvlan", "static"):
            (self.bin / name).symlink_to(DOOR)
        self.settings = directory / "settings.toml"
        self.settings.write_text(f'state_dir = "{self.state_dir}"\nlog_level = "debug"\n')
        self.orphans = 0
        interpreter = [sys.executable, "-IS", str(SERVER), str(REPOSITORY), sysconfig.get_path("purelib")]
        self._stderr = directory / "stderr"
        with self._stderr.open("w") as stderr:
            self._server = subprocess.Popen(
                ["nsenter", f"--net={lan.node.path}", *interpreter],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=directory,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        if self._server.stdin and self._server.stdout:
            with suppress(BrokenPipeError):
                self._server.stdin.close()
            self._server.wait(timeout=60)
            self._server.stdout.close()

    def root(self) -> Path:
        """The file system as the calls see it, with what is mounted for them alone."""
        return Path(f"/proc/{self._server.pid}/root")

    def mount(self, *command: str | Path) -> None:
        """Run a command in the server's mount namespace."""
        answer = self._ask({"run": [str(word) for word in command]})
        assert answer["status"] == 0, answer["output"]

    def environment(self, verb: str, whom: Attached | None, path: str = "") -> dict[str, str]:
        """The environment of a call."""
        variables = {
            "PATH": os.environ["PATH"],
            "CNI_MACVLAN_SETTINGS": str(self.settings),
            "CNI_MACVLAN_AGENT_SOCKET": "",
            "CNI_COMMAND": verb,
            "CNI_PATH": path or str(self.bin),
        }
        if whom is not None:
            variables |= {"CNI_CONTAINERID": whom.container_id, "CNI_NETNS": whom.netns, "CNI_IFNAME": whom.ifname}
        return variables

    def call(  # noqa: PLR0913 - the parameters of CNI, and what is to befall the call
        self, verb: str, config: Json, whom: Attached | None = None, *, fault: Json | None = None,
        kill_after: float | None = None, path: str = "",
    ) -> Outcome:  # fmt: skip
        """One call."""
        return self.calls((verb, config, whom), fault=fault, kill_after=kill_after, path=path)[0]

    def calls(
        self, *wanted: tuple[str, Json, Attached | None], fault: Json | None = None, kill_after: float | None = None,
        path: str = "",
    ) -> list[Outcome]:  # fmt: skip
        """Calls that run all at once; the answers come in their order."""
        batch = [
            {
                "env": self.environment(verb, whom, path),
                "stdin": json.dumps(config),
                "executable": str(self.plugin),
                "fault": fault,
                "kill_after": kill_after,
            }
            for verb, config, whom in wanted
        ]
        answer = self._ask({"calls": batch})
        assert not answer["strays"], "a process that a call started does not end"
        self.orphans += answer["orphans"]
        return [Outcome(**each) for each in answer["answers"]]

    def _ask(self, request: Json) -> Any:  # noqa: ANN401 - any JSON
        assert self._server.stdin
        assert self._server.stdout
        with suppress(BrokenPipeError):
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
        line = self._server.stdout.readline()
        assert line, f"the preload server has ended: {self._stderr.read_text()}"
        return json.loads(line)
