"""The place that the demonstration happens in: network namespaces and a directory, all of which are removed again."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from netaddr import IPNetwork
from pyroute2 import NetNS
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl.ifaddrmsg import IFA_F_NODAD

from ipam.store.witness import forget
from link.netns import open_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

NAMESPACES = "/run/netns"
NODE, NEIGHBOUR, CONTAINERS = "node", "neighbour", ("container1", "container2")
MASTER = "lan0"
STATE_DIR = "state"
SUBNETS = ("192.0.2.0/24", "2001:db8::/64")  # for documentation: RFC 5737, RFC 3849
NO_CREATION = 0  # pyroute2's flag: a namespace that is not there is an error
GATEWAYS = ("192.0.2.1", "2001:db8::1")
SECONDS = 60
PING = ["ping", "-n", "-c", "1", "-w", "20"]

# What `su` and some containers leave out of the search path.
PATH = os.pathsep.join(filter(None, (os.environ.get("PATH"), "/usr/sbin", "/sbin", "/usr/bin", "/bin")))


class Failed(Exception):
    """The demonstration cannot go on, or proved the plugin wrong; the text says what happened."""


class Testbed:
    """A node and its LAN, and two containers that are not attached yet; each lives in a namespace of its own.

    ::

        container1, container2
        node: lan0 ──── veth pair ──── neighbour: lan0 with the gateway's addresses

    The pair is made inside these namespaces: the caller's own never sees an interface of it. ``directory`` has room
    for settings and state. Entering builds it all, leaving removes it all, also when the building fails; both raise
    no more than Failed.
    """

    def __init__(self) -> None:
        suffix = secrets.token_hex(4)
        self._names = {role: f"cmv-demo-{role}-{suffix}" for role in (NODE, NEIGHBOUR, *CONTAINERS)}
        self._undo = ExitStack()
        self.directory = ""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.directory = tempfile.mkdtemp(prefix="cni-macvlan-py-demo-")
            undo.callback(shutil.rmtree, self.directory, ignore_errors=True)
            undo.callback(forget, os.path.join(self.directory, STATE_DIR))
            for name in self._names.values():
                undo.callback(_remove, name)
                ip("netns", "add", name)
            self._wire()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _wire(self) -> None:
        with self._rtnetlink(NODE) as node, self._rtnetlink(NEIGHBOUR) as neighbour:
            node.link("add", ifname=MASTER, kind="veth", peer={"ifname": MASTER, "net_ns_fd": self._names[NEIGHBOUR]})
            (index,) = neighbour.link_lookup(ifname=MASTER)
            for subnet, gateway in zip(SUBNETS, GATEWAYS, strict=True):
                flags = IFA_F_NODAD if ":" in gateway else 0
                length = IPNetwork(subnet).prefixlen
                neighbour.addr("add", index=index, address=gateway, prefixlen=length, flags=flags)
            neighbour.link("set", index=index, state="up")
            node.link("set", index=node.link_lookup(ifname=MASTER)[0], state="up")

    def names(self) -> list[str]:
        """The namespaces' names, as ``ip netns list`` has them."""
        return list(self._names.values())

    def path(self, role: str) -> str:
        """The file that stands for the role's namespace, as CNI_NETNS has it."""
        return os.path.join(NAMESPACES, self._names[role])

    @contextmanager
    def inside(self, role: str) -> Iterator[None]:
        """Programs started now live in the role's namespace."""
        with closing(open_namespace(self.path(role))) as namespace, namespace.entered():
            yield

    def links(self, role: str) -> list[str]:
        """The names of the interfaces in the role's namespace."""
        with self._rtnetlink(role) as sockets:
            return [link.get("ifname") for link in sockets.get_links()]

    @contextmanager
    def _rtnetlink(self, role: str) -> Iterator[NetNS]:
        """Conversations with the kernel about the role's namespace; raises Failed for what it refuses."""
        try:
            with NetNS(self._names[role], flags=NO_CREATION) as sockets:
                yield sockets
        except (NetlinkError, OSError) as error:
            raise Failed(f"namespace {self._names[role]}: {error}") from error

    def addresses(self, role: str, ifname: str) -> str:
        """What ``ip`` says of an interface's addresses, in one line."""
        return " ".join(ip("-n", self._names[role], "-brief", "address", "show", "dev", ifname).split())

    def ping(self, targets: list[tuple[str, str]]) -> list[tuple[bool, str]]:
        """Ping addresses, each from a role's namespace, all at once: whether an answer came, and ``ping``'s words."""
        with ExitStack() as running:
            pings = []
            for role, address in targets:
                with self.inside(role):
                    ping = subprocess.Popen(  # noqa: S603 - our own words
                        [*PING, address],
                        env={"PATH": PATH},
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        process_group=0,
                    )
                running.enter_context(ping)
                running.callback(ping.kill)
                pings.append(ping)
            words = [ping.communicate()[0] for ping in pings]
            return [(ping.returncode == 0, said) for ping, said in zip(pings, words, strict=True)]

    def left(self) -> list[str]:
        """What is still there of all that was made: the paths of namespaces and of the directory."""
        return [path for path in (*map(self.path, self._names), self.directory) if os.path.lexists(path)]


def execute(command: list[str], variables: dict[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program with these variables alone to its end; raises Failed if it cannot be run or does not end."""
    try:
        return subprocess.run(  # noqa: S603 - the plugin and `ip`, with our own words
            command,
            env=variables,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            process_group=0,  # a terminal's Ctrl-C is for us, and must not stop a removal
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{' '.join(command)}: {error}") from error


def ip(*words: str) -> str:
    """Run ``ip`` and return its output; raises Failed with its own words."""
    command = ["ip", *words]
    done = execute(command, {"PATH": PATH})
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def _remove(name: str) -> None:
    if os.path.lexists(os.path.join(NAMESPACES, name)):
        ip("netns", "delete", name)
