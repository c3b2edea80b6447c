"""The test LAN: a node, a switch and neighbours, each in a namespace of its own; the machine's own is never touched.

::

    container…   (macvlan children)
        │
    node: eth0 ──── wire: bridge br0, STP off, ports with hairpin on or off ──── peer: eth0, and further neighbours
"""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Self

from tests.agent.process import SECONDS, until
from tests.namespaces import Namespace, execute, fresh_suffix

if TYPE_CHECKING:
    from collections.abc import Collection

GATEWAY4, GATEWAY6 = "10.9.0.1", "fd00:9::1"
NODE4, NODE6 = "10.9.0.254", "fd00:9::fe"
SECOND4 = "10.9.0.253"
SUBNET4, SUBNET6 = "10.9.0.0/24", "fd00:9::/64"
MASTER = "eth0"


class Lan:
    """One switched LAN of 10.9.0.0/24 and fd00:9::/64; the node's default routes go out of its ``eth0``.

    Attributes:
        node: the namespace that the plugin is called in; its ``eth0`` is the master.
        wire: the switch.
        peer: the neighbour that owns the gateway's addresses.
        network: a network name that no other test uses.
        namespaces: all of them.
    """

    def __init__(self) -> None:
        self.suffix = fresh_suffix()
        self.network = f"net-{self.suffix}"
        self.namespaces: list[Namespace] = []
        self.leaks: list[str] = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        self.node = self._namespace("node")
        self.wire = self._namespace("wire")
        self.wire.batch("link add br0 type bridge stp_state 0 mcast_snooping 0", "link set br0 up")
        self._plug(self.node, "node", NODE4, NODE6)
        self.node.batch(f"route add default via {GATEWAY4} dev eth0", f"route add default via {GATEWAY6} dev eth0")
        self.peer = self.neighbour(GATEWAY4, GATEWAY6)

    def _namespace(self, role: str, *, dad: bool = False) -> Namespace:
        made = Namespace(role, dad=dad)
        self.namespaces.append(made)
        return made

    def _plug(self, where: Namespace, port: str, *addresses: str) -> None:
        self.wire.batch(
            f"link add {port} type veth peer name eth0 netns {where.name}",
            f"link set {port} master br0 up",
        )
        lines = [f"addr add {a}/{'64 nodad' if ':' in a else '24'} dev eth0" for a in addresses]
        where.batch(*lines, "link set eth0 up")
        until(lambda: self._forwards(port), f"the switch forwards the frames of {where.name}")

    def _forwards(self, port: str) -> bool:
        """Whether the switch has noticed the port's carrier, of which the kernel tells it at leisure."""
        shown = json.loads(execute("bridge", "-n", self.wire.name, "-j", "link", "show", "dev", port).stdout)
        return [each["state"] for each in shown] == ["forwarding"]

    def neighbour(self, *addresses: str) -> Namespace:
        """Another host on the switch, with ``eth0``."""
        host = self._namespace("host")
        self._plug(host, f"p{len(self.namespaces)}", *addresses)
        return host

    def container(self, *, dad: bool = False) -> Namespace:
        """An empty namespace for a container."""
        return self._namespace("ctr", dad=dad)

    def hairpin(self, *, on: bool) -> None:
        """Whether the switch sends frames back out of the node's port, as a VEPA switch does."""
        self.wire.batch(f"link set node type bridge_slave hairpin {'on' if on else 'off'}")

    def unplug(self) -> None:
        """Take the carrier from the node's master."""
        self.wire.batch("link set node down")

    def close(self) -> None:
        """Remove everything; processes that were still inside are noted in ``leaks``."""
        for namespace in reversed(self.namespaces):
            self.leaks += [f"process {pid} in {namespace.name}" for pid in namespace.remove()]
            if namespace.path.exists():
                self.leaks.append(f"namespace {namespace.name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def mac_of(where: Namespace, ifname: str) -> str:
    """The MAC address of a link."""
    (link,) = json.loads(execute("ip", "-n", where.name, "-j", "link", "show", "dev", ifname).stdout)
    return str(link["address"])


def reachable(targets: dict[str, tuple[Namespace, str]], silent: Collection[str] = ()) -> dict[str, bool]:
    """Ping from namespaces to addresses, all at once: label to whether an answer came.

    Whoever is not to stay ``silent`` is asked until there is an answer: a busy machine may take its time.
    """
    answered = _pinged(targets)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        late = {label: targets[label] for label in targets if not answered[label] and label not in silent}
        if not late:
            break
        answered |= _pinged(late)
    return answered


def _pinged(targets: dict[str, tuple[Namespace, str]]) -> dict[str, bool]:
    """A target gets 2 s and a probe every 0.3 s; an answer ends its ping at once."""
    pings = {
        label: subprocess.Popen(
            ["nsenter", f"--net={source.path}", "ping", "-q", "-c", "1", "-i", "0.3", "-w", "2", address],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for label, (source, address) in targets.items()
    }
    return {label: " 0 received" not in ping.communicate(timeout=SECONDS)[0] for label, ping in pings.items()}
