"""The four ways in which a call may reach the plugin; every test of the main job holds in each of them."""

from __future__ import annotations

import logging
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ipam.store.sqlite import SqliteStore
from link.netns import Namespace, open_namespace
from plugin import log
from plugin.dispatch import dispatch
from plugin.node import Node, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conf.document import Document
    from conf.environment import Environment

SECONDS = 120


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
    """A process of its own for each call; ``agent`` is the socket of the agent that is to be asked, "" for none.

    ``wrapper`` is the beginning of a command that executes the rest of it somewhere.
    """

    agent: str = ""
    wrapper: tuple[str, ...] = ()

    @classmethod
    def elsewhere(cls, way: Way, *wrapper: str) -> Executed:
        """A process that asks whom this way asks, executed by the wrapper."""
        return cls(way.agent if isinstance(way, Executed) else "", wrapper)

    def call(self, executable: Path, node: Path, environment: dict[str, str], stdin: str, directory: Path) -> Done:
        """Execute it in the node's namespace."""
        done = subprocess.run(
            ["nsenter", f"--net={node}", *self.wrapper, str(executable)],
            input=stdin, env={"CNI_MACVLAN_AGENT_SOCKET": self.agent} | environment, cwd=directory,
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)


class InProcess:
    """A call of ``dispatch`` in a thread that stands in the node's namespace."""

    def call(self, executable: Path, node: Path, environment: dict[str, str], stdin: str, directory: Path) -> Done:
        """Dispatch it; what the executable does beside serving calls needs a process."""
        if "CNI_COMMAND" not in environment:
            return Executed().call(executable, node, environment, stdin, directory)
        answers: list[bytes] = []
        statuses: list[int] = []
        stores = ExitStack()

        def find_node(found: Environment, document: Document) -> Node:
            settings = read_settings(found.variables)
            log.name_call(found, document.network)
            handler.setLevel(settings.log_level.upper())
            return Node(
                settings, str(executable), lambda: False, _open_as_process,
                lambda *of: stores.enter_context(opened(*of)),
            )  # fmt: skip

        def serve() -> None:
            handler.addFilter(lambda record: record.thread == threading.get_ident())
            with stores, open_namespace(str(node)).entered():
                failure = dispatch(
                    environment,
                    lambda: stdin.encode(errors="surrogateescape"),
                    lambda text, _: answers.append(text),
                    find_node,
                )
                statuses.append(int(failure is not None))

        handler = logging.FileHandler(directory / "log")
        logging.getLogger().addHandler(handler)
        thread = threading.Thread(target=serve)
        thread.start()
        thread.join(SECONDS)
        logging.getLogger().removeHandler(handler)
        handler.close()
        return Done(statuses[0], b"".join(answers).decode(), "")


@contextmanager
def opened(state_dir: str, boot_id: str) -> Iterator[SqliteStore]:
    """A store for one call of a process that has more to do."""
    store = SqliteStore(state_dir, boot_id)
    try:
        yield store
    finally:
        store.close()


def _open_as_process(path: str) -> Namespace:
    """Open a namespace as a process would whose only thread this is."""
    return open_namespace(path.replace("/proc/self/", "/proc/thread-self/"))
