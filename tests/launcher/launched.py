"""A built launcher, executed as a runtime does it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 100
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "exitcode=99"}


@dataclass(frozen=True)
class Outcome:
    """What a call came to."""

    status: int
    stdout: bytes
    stderr: bytes = b""

    def error(self) -> dict[str, Any]:
        """The error that a failed call has to print: one JSON object in the plugin's own form."""
        assert (self.status, self.stderr) == (1, b"")
        document: dict[str, Any] = json.loads(self.stdout)
        assert json.dumps(document, indent=4).encode() == self.stdout
        assert [*document][:3] == ["cniVersion", "code", "msg"]
        assert document["cniVersion"] == "1.1.0"
        return document

    def code(self) -> int:
        """The error's code."""
        return int(self.error()["code"])


@dataclass(frozen=True)
class Launcher:
    """An executable, and the place where it expects the Python door."""

    executable: Path
    door: Path

    def environment(self, agent: Path | str, variables: dict[str, str] | None = None) -> dict[str, str]:
        """A runtime's environment."""
        standard = {"CNI_COMMAND": "ADD", "CNI_MACVLAN_AGENT_SOCKET": str(agent), "PATH": os.environ["PATH"]}
        return SANITIZERS | standard | (variables or {})

    def start(  # noqa: PLR0913 - what a process is started with
        self, agent: Path | str, variables: dict[str, str] | None = None, *, stdin: int = subprocess.PIPE,
        stdout: int = subprocess.PIPE, wrapper: tuple[str, ...] = (), arguments: tuple[str, ...] = (),
    ) -> subprocess.Popen[bytes]:  # fmt: skip
        """Start it, after the words of ``wrapper``; ``variables`` are added to a runtime's."""
        return subprocess.Popen(
            [*wrapper, str(self.executable), *arguments],
            stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=self.environment(agent, variables),
        )  # fmt: skip

    def call(  # noqa: PLR0913 - as start
        self, agent: Path | str, config: bytes | None = b"{}", variables: dict[str, str] | None = None, *,
        stdout: int = subprocess.PIPE, wrapper: tuple[str, ...] = (), arguments: tuple[str, ...] = (),
    ) -> Outcome:  # fmt: skip
        """Run it to its end."""
        process = self.start(agent, variables, stdout=stdout, wrapper=wrapper, arguments=arguments)
        return finish(process, config)


def finish(process: subprocess.Popen[bytes], config: bytes | None = None) -> Outcome:
    """Write stdin, if there is any, and read to the end."""
    with process:
        try:
            stdout, stderr = process.communicate(config, timeout=SECONDS)
        finally:
            process.kill()  # a launcher that hangs fails its test, and does not hold up the others
    return Outcome(process.returncode, stdout or b"", stderr or b"")
