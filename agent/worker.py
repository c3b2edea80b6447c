"""One call served in the namespaces that its descriptors name, by a thread that goes home afterwards."""

from __future__ import annotations

import select
import socket
import time
from contextlib import ExitStack
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from agent.large import take_turn
from agent.reply import Reply
from ipam.store.sqlite import SqliteStore
from link.netns import Home, Namespace, adopt_namespace, open_namespace
from plugin import log as call_log
from plugin.dispatch import dispatch
from plugin.node import Node, read_settings
from plugin.stdin import MAX_STDIN

if TYPE_CHECKING:
    from agent.meter import Meter
    from agent.wire import Call
    from conf.document import Document
    from conf.environment import Environment
    from conf.errors import CniError

# What a call imports only when it needs it: a worker that stands in a caller's mount namespace would not find it there.
LATE = (
    "conf.endpoint",
    "conf.ipam",
    "conf.call",
    "difflib",
    "ipam.delegate",
    "ipam.store.files",
    "link.homes",
    "plugin.record",
    "plugin.route",
    "plugin.verbs.add",
    "plugin.verbs.check",
    "plugin.verbs.delete",
    "plugin.verbs.gc",
    "plugin.verbs.ipam_role",
    "plugin.verbs.status",
    "tomllib",
)
for name in LATE:
    import_module(name)

# A node has one state directory; more are for tests that share an agent.
open_store = lru_cache(maxsize=64)(SqliteStore)


def serve(call: Call, connection: socket.socket, home: Home, meter: Meter) -> None:
    """Answer one call; an ADD's answer counts only once the client says that it has passed it on.

    Raises NotANamespace where the call's descriptors are none; NoWayHome where the thread could not return: then it
    must end.
    """
    with ExitStack() as turn:
        _serve(call, connection, home, meter, turn)


def _serve(call: Call, connection: socket.socket, home: Home, meter: Meter, turn: ExitStack) -> None:

    def find_node(environment: Environment, document: Document) -> Node:
        call_log.name_call(environment, document.network)
        return Node(
            read_settings(environment.variables),
            call.executable,
            lambda: False,  # a stopping agent finishes what it has begun
            lambda path: _open(path, environment, call),
            open_store,
            meter.leaked,
        )

    if _is_gone(connection):
        meter.refused("gone")
        return
    reply = Reply(call, connection)
    failure: CniError | None = None
    try:
        with home.away(call.network_namespace, call.mount_namespace, call.root):
            failure = dispatch(call.variables, lambda: _stdin(call, turn), reply.deliver, find_node)
    finally:
        if reply.is_known:  # a thread that does not find home has served its call all the same
            reply.finish()
            call_log.end_call(failure, call.arrived)
            meter.ended(call.command, failure.code if failure else 0, time.monotonic() - call.arrived)


def _is_gone(connection: socket.socket) -> bool:
    """Whether the caller gave up while its call was waiting: then nothing is to be begun."""
    # not recv() with MSG_DONTWAIT: a socket with a timeout waits for it all the same
    waiting = select.poll()  # unlike select(), whatever the descriptor's number
    waiting.register(connection, select.POLLIN)
    try:
        return bool(waiting.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except ConnectionResetError:
        return True


def _stdin(call: Call, turn: ExitStack) -> bytes:
    if len(call.stdin) > MAX_STDIN:
        raise OSError(f"more than {MAX_STDIN} bytes")
    take_turn(len(call.stdin), turn)
    return call.stdin


def _open(path: str, environment: Environment, call: Call) -> Namespace:
    """The namespace at a path; for CNI_NETNS that which the caller found there."""
    descriptor = call.take_container() if path == environment.netns else None
    namespace = open_namespace(path) if descriptor is None else adopt_namespace(path, descriptor)
    namespace.let_go_of_path()
    return namespace
