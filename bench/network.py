"""The network that is measured on: a node and containers in throw-away namespaces, over which no frame has to go."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from link.netns import open_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMESPACES: Final = Path("/run/netns")
MASTER: Final = "eth0"
ACCEPT_DAD: Final = Path("/proc/sys/net/ipv6/conf/default/accept_dad")


@contextmanager
def network(containers: int) -> Iterator[list[Path]]:
    """Have the calling thread stand in a node whose ``eth0`` is up; yields its containers' namespaces.

    ``eth0`` is one end of a veth pair, the other lies in a namespace of its own. In the containers IPv6 addresses are
    usable at once: duplicate address detection would add the same 1 to 2 s to whatever is measured.
    """
    suffix = secrets.token_hex(4)
    node, wire = f"cmv-bench-node-{suffix}", f"cmv-bench-wire-{suffix}"
    inside = [NAMESPACES / f"cmv-bench-{number}-{suffix}" for number in range(containers)]
    names = [node, wire, *(path.name for path in inside)]
    with ExitStack() as undo:
        undo.callback(_remove, names)
        _ip([f"netns add {name}" for name in names])
        _ip([f"-n {node} link add {MASTER} type veth peer name {MASTER} netns {wire}"], batch=False)
        for name in (node, wire):
            _ip([f"-n {name} link set {MASTER} up"], batch=False)
        for path in inside:
            with _standing_in(path):
                ACCEPT_DAD.write_text("0")
        with _standing_in(NAMESPACES / node):
            yield inside


@contextmanager
def _standing_in(path: Path) -> Iterator[None]:
    with closing(open_namespace(str(path))) as namespace, namespace.entered():
        yield


def _remove(names: Sequence[str]) -> None:
    _ip([f"netns delete {name}" for name in names if (NAMESPACES / name).exists()])


def _ip(commands: Sequence[str], *, batch: bool = True) -> None:
    ip = shutil.which("ip") or "ip"
    argv = [ip, "-batch", "-"] if batch else [ip, *commands[0].split()]
    # a group of its own: the terminal's Ctrl-C must not stop a removal
    subprocess.run(argv, input="\n".join(commands) + "\n", text=True, check=True, process_group=0)
