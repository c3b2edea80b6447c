"""The four ways in which a call may reach the plugin; every test of the main job holds in each of them."""

from __future__ import annotations

import logging
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from plugin import log
from plugin.dispatch import dispatch
from plugin.link.netns import open_namespace
from plugin.node import Node, read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from conf.environment import Environment

SECONDS = 60


@dataclass(frozen=True)
class Done:
    """What a call left: exit status and both outputs."""

    returncode: int
    stdout: str
    stderr: str


class Way(Protocol):
    """One way to have a plugin called from a node, as ``argv[0]``, with an environment and stdin."""

    def call(self, executable: Path, node: Path, environment: dict[str, str], stdin: str, directory: Path) -> Done:
        """Call it and wait."""


@dataclass(frozen=True)
class Executed:
    """A process of its own for each call; ``agent`` is the socket of the agent that is to be asked, "" for none."""

    agent: str = ""

    def call(self, executable: Path, node: Path, environment: dict[str, str], stdin: str, directory: Path) -> Done:
        """Execute it in the node's namespace."""
        done = subprocess.run(
            ["nsenter", f"--net={node}", str(executable)],
            input=stdin, env={"CNI_MACVLAN_AGENT_SOCKET": self.agent} | environment, cwd=directory,
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)


class InProcess:
    """A call of ``dispatch`` in a thread that stands in the node's namespace."""

    def call(self, executable: Path, node: Path, environment: dict[str, str], stdin: str, directory: Path) -> Done:
        """Dispatch it."""
        del directory
        answers: list[bytes] = []
        statuses: list[int] = []

        def find_node(found: Environment) -> Node:
            settings = read_settings(found.variables)
            log.set_up(settings)
            log.name_call(found)
            return Node(settings, str(executable), lambda: False)

        def serve() -> None:
            with open_namespace(str(node)).entered():
                statuses.append(
                    dispatch(
                        environment,
                        lambda: stdin.encode(errors="surrogateescape"),
                        lambda text, _: answers.append(text),
                        find_node,
                    )
                )

        thread = threading.Thread(target=serve)
        thread.start()
        thread.join(SECONDS)
        _close_log()
        return Done(statuses[0], b"".join(answers).decode(), "")


def _close_log() -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if type(each) in {logging.FileHandler, logging.StreamHandler}]:
        root.removeHandler(handler)
        handler.close()
