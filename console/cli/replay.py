"""A recorded call served again, by the very same code, while every step of it is noted."""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from conf.document import decode_object
from conf.errors import DecodingFailure
from conf.ipam_config import BUILT_IN
from conf.keys import fold_keys
from conf.link_config import LEAST_MTU
from conf.settings import Settings
from console.cli import netlink_words
from ipam.store.sqlite import SqliteStore
from ipam.store.witness import forget
from link import messages, netlink, sysctl
from link.netlink import KernelRefusal, Netlink
from link.netns import Namespace, open_namespace, throw_away
from plugin.dispatch import dispatch
from plugin.node import Node, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from link.messages import Message

MASTER = "eth0"
LARGEST_MTU = 65535
"""Of a veth, in bytes."""
PREPARED = {"CHECK", "DEL"}
"""Verbs that are about what an ADD has made: without one there is nothing to see."""


class NotReplayable(Exception):
    """The call cannot be replayed in a throw-away namespace; the message says why."""


@dataclass(frozen=True)
class Call:
    """A call as it was recorded: its variables, its configuration as text and as object, our path, the answer."""

    environment: dict[str, str]
    stdin: str
    config: dict[str, Any]
    executable: str
    answer: str | None


def read_call(text: str) -> Call:
    """The call that a file of ``record_dir`` holds; raises DecodingFailure."""
    known = decode_object(text.encode())
    environment, stdin, executable = (known.get(key) for key in ("environment", "stdin", "executable"))
    if not (isinstance(environment, dict) and isinstance(stdin, str) and isinstance(executable, str)):
        raise DecodingFailure('it has no "environment", "stdin" and "executable"', "")
    variables = {name: str(value) for name, value in environment.items()}
    return Call(variables, stdin, decode_object(stdin.encode()), executable, known.get("answer"))


@dataclass
class Notes:
    """The steps of a call in their order: seconds since its beginning, kind, what was done, and what came of it."""

    begun: float = field(default_factory=time.monotonic)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def add(self, kind: str, text: str, result: str = "") -> None:
        """Note a step that has just ended."""
        self.steps.append(
            {"seconds": round(time.monotonic() - self.begun, 6), "kind": kind, "step": text, "result": result}
        )

    def exchange(
        self, requests: Sequence[Message], answers: Sequence[Sequence[bytes]], refusal: KernelRefusal | None
    ) -> None:
        """Note what was said to the kernel in one datagram."""
        for position, (request, replies) in enumerate(zip(requests, answers, strict=True)):
            refused = refusal is not None and refusal.position == position
            self.add(
                "netlink",
                netlink_words.request(request),
                str(refusal) if refused else netlink_words.answer(request, replies),
            )

    @property
    def answer(self) -> Any:  # noqa: ANN401 - any JSON
        """What the call was answered; an error raises NotReplayable."""
        (told,) = [json.loads(step["result"]) for step in self.steps if step["kind"] == "answer"]
        if "code" in told:
            raise NotReplayable(f"the ADD that has to precede it fails: {told['msg']}")
        return told

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Note every step of this process for a while."""
        netlink.observe, sysctl.observe = self.exchange, lambda path, value: self.add("sysctl", f"{path} = {value}")
        try:
            yield
        finally:
            netlink.observe = sysctl.observe = None


def replay_really(call: Call) -> Notes:
    """Serve the call where it was served, with all its effects."""
    return _served(call.environment, call.stdin, call.executable, read_settings(call.environment), None)


def replay(call: Call) -> Notes:
    """Serve the call in namespaces and a state directory that are gone afterwards. Raises NotReplayable."""
    known, _ = fold_keys(call.config, ["master", "mtu", "ipam", "linkInContainer"])
    config = call.config | {"master": known.get("master") or MASTER}
    ipam_type = _ipam_type(known)
    if ipam_type not in {"", *BUILT_IN}:
        raise NotReplayable(f'its addresses come from the plugin "{ipam_type}", which would be executed')
    with ExitStack() as stack:
        node, container = stack.enter_context(throw_away()), stack.enter_context(throw_away())
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="cni-macvlan-py-trace-"))
        variables = call.environment | {"CNI_PATH": scratch}  # where there is no plugin
        if isinstance(known.get("ipam"), dict):
            config["ipam"] = known["ipam"] | {"dataDir": os.path.join(scratch, "networks")}
        stack.enter_context((container if known.get("linkInContainer") is True else node).entered())
        _plug_in(config["master"], known.get("mtu"))
        stack.enter_context(node.entered())
        settings = Settings(state_dir=os.path.join(scratch, "state"))
        stack.callback(forget, settings.state_dir)
        if variables.get("CNI_COMMAND") in PREPARED:
            config.pop("prevResult", None)
            before = variables | {"CNI_COMMAND": "ADD"}
            config["prevResult"] = _served(before, json.dumps(config), call.executable, settings, container).answer
        return _served(variables, json.dumps(config), call.executable, settings, container)


def _ipam_type(known: dict[str, Any]) -> str:
    ipam = known.get("ipam")
    return str(fold_keys(ipam, ["type"])[0].get("type", "")) if isinstance(ipam, dict) else ""


def _plug_in(master: object, mtu: object) -> None:
    """Give the namespace that we stand in a master with a carrier, if the call names what can be one."""
    fitting = mtu if isinstance(mtu, int) and LEAST_MTU <= mtu <= LARGEST_MTU else 0
    with Netlink() as socket, suppress(KernelRefusal):
        socket.send(messages.create_device("veth", str(master), fitting))
        for link in socket.links():
            socket.send(messages.set_up(link.index))


def _served(
    variables: dict[str, str], stdin: str, executable: str, settings: Settings, container: Namespace | None
) -> Notes:
    """Serve a call while its steps are noted, the answer last; ``container`` is what CNI_NETNS is taken for."""
    notes = Notes()

    def open_noted(path: str) -> Namespace:
        notes.add("namespace", f"open {path}")
        return open_namespace(path) if container is None else Namespace(path, os.dup(container.descriptor))

    def open_store(state_dir: str, boot_id: str) -> SqliteStore:
        return _NotedStore(state_dir, boot_id, lambda statement: notes.add("store", statement))

    silent = replace(settings, record_dir="")
    with notes.taken():
        dispatch(
            variables,
            stdin.encode,
            lambda text, status: notes.add("answer", f"exit status {status}", text.decode()),
            lambda *_: Node(silent, executable, lambda: False, open_noted, open_store),
        )
    return notes


class _NotedStore(SqliteStore):
    """The lease database, each statement of which is told as it is begun."""

    def __init__(self, state_dir: str, boot_id: str, tell: Callable[[str], None]) -> None:
        super().__init__(state_dir, boot_id)
        self._tell = tell

    def _connect(self, mode: str = "rw") -> Connection:
        connection = super()._connect(mode)
        connection.set_trace_callback(self._tell)
        return connection
