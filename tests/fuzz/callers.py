"""The ways in which a call leaves the sandbox: door, door and agent, launcher and agent, or the agent's socket."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.agent.protocol import Conversation, open_namespaces, request
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agent.process import Agent
    from tests.fuzz.sandbox import Sandbox

WAYS = ("door", "door and agent", "launcher and agent", "socket")
MOST_MEMORY = 120_000_000
LIMIT = 125  # seconds: what an agent promises, and what its clients add


@dataclass
class Caller:
    """Makes calls in one way, from where the sandbox's thread stands, and remembers how long the longest took."""

    way: str
    sandbox: Sandbox
    agent: Agent
    programs: Path
    slowest: float = 0.0
    codes: dict[int, int] = field(default_factory=dict)

    def call(self, executable: str, variables: dict[str, str], stdin: bytes) -> tuple[int, bytes]:
        """Exit status and stdout."""
        serve = self._speak if self.way == "socket" else self._execute
        began = time.monotonic()
        answer = self.sandbox.run(serve, executable, variables, stdin)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return answer

    def _execute(self, executable: str, variables: dict[str, str], stdin: bytes) -> tuple[int, bytes]:
        """A process with as much memory as any call may need."""
        socket = "" if self.way == "door" else str(self.agent.socket)
        done = subprocess.run(
            [self.programs / self.way.split()[0] / executable], input=stdin, capture_output=True, check=False,
            env={"PATH": os.environ["PATH"], "CNI_MACVLAN_AGENT_SOCKET": socket} | variables, timeout=LIMIT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY)),
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout

    def _speak(self, executable: str, variables: dict[str, str], stdin: bytes) -> tuple[int, bytes]:
        with ExitStack() as stack:
            opened = open_namespaces("/proc/thread-self/ns/net", "/proc/thread-self/ns/mnt", "/")
            with suppress(OSError, ValueError):  # every client does without it
                opened += open_namespaces(variables.get("CNI_NETNS") or "/nonexistent")
            for descriptor in opened:
                stack.callback(os.close, descriptor)
            conversation = stack.enter_context(Conversation(self.agent.socket, LIMIT))
            conversation.send(request(variables, os.fsdecode(stdin), f"/opt/cni/bin/{executable}"), opened)
            status, text = conversation.answer()
            return status, text.encode()


def build(directory: Path) -> Path:
    """A directory for each program, door and launcher, in which it has every name that it is called by."""
    make = ["make", "--silent", "-C", str(REPOSITORY / "launcher"), f"BUILD={directory}/built", "DOOR=/nonexistent"]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    for name, program in (("door", REPOSITORY / "cni-macvlan-py"), ("launcher", directory / "built" / "launcher")):
        (directory / name).mkdir()
        for called in ("macvlan", "cni-macvlan-py", "host-local", "static"):
            (directory / name / called).symlink_to(program)
    return directory
