"""The node of a walk: it carries out calls and events, and tells when each began, ended and what it answered."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from pathlib import Path
from sqlite3 import DatabaseError
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from link.netns import open_namespace
from tests.agent.process import Agent, until
from tests.lan import Lan
from tests.namespaces import execute
from tests.reference import NEW, reference
from tests.runtime import DOOR, REPOSITORY, ROLES
from tests.soak import harms, survey
from tests.soak.actions import CALLERS, CONTAINERS, IFNAMES, MASTERS, WAYS, Call, Event
from tests.soak.clock import Clock
from tests.soak.container import Container
from tests.soak.history import Key, Outcome, Step
from tests.soak.killing import killing
from tests.soak.networks import EXECUTED, network_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runtime import Json
    from tests.soak.survey import Survey

LIMIT: Final = 120.0
"""Seconds that a call may take: a lock is waited for half of it, what is executed has less than that."""
STARVED_MEMORY: Final = 4 << 20
STARVED_DESCRIPTORS: Final = 12
"""What an agent may have at most beyond what it has."""
RESCUE: Final = ("leases", "rescue", "--yes", "--json")
MARK: Final = "cni-macvlan-py "


@dataclass(frozen=True)
class Touched:
    """Which containers an event ends, and in which an interface may have gone by it."""

    ended: frozenset[str] = frozenset()
    robbed: frozenset[str] = frozenset()


class Node:
    """One LAN with a node and its containers below ``directory``, of which ``small`` is a disk that gets full.

    ``boot_id`` is the file that stands for the kernel's.
    """

    def __init__(self, directory: Path, boot_id: Path) -> None:
        self.directory = directory
        self.small = directory / "small"
        self.lan = Lan()
        self._boot_id = boot_id
        self._socket = directory / "agent.sock"
        self._older = directory / "older"
        self._settings = directory / "settings.toml"
        self._settings.write_text(f'state_dir = "{self.small / "state"}"\nlog_file = "{directory / "log"}"\n')
        self._results: dict[Key, Json] = {}
        self._usual: defaultdict[str, deque[float]] = defaultdict(lambda: deque([0.3], maxlen=9))
        self._full = self.small / "filler"
        self.missing: set[str] = set()
        self.is_harmed = False
        """Whether the lease database was harmed, and nobody has rescued it yet."""
        self._forgets = False
        self._clock = Clock(directory)
        self._agent_lock = threading.Lock()
        self._make_paths()
        for master in sorted(set(MASTERS.values())):
            self._plug(master)
        self.containers = [Container(number) for number in range(CONTAINERS)]
        self.former: dict[int, Container] = {}
        self.agent = self._begin_agent()

    def _begin_agent(self) -> Agent:
        return Agent(self._socket, environment=self._clock.environment).wait_ready()

    def _make_paths(self) -> None:
        build = self.directory / "launcher"
        make = ["make", "--silent", "-C", str(REPOSITORY / "launcher"), f"BUILD={build}", f"DOOR={DOOR}"]
        subprocess.run(make, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for way in WAYS:
            place = self.directory / "bin" / way
            place.mkdir(parents=True)
            for name in (*ROLES, DOOR.name):
                (place / name).symlink_to(build / "launcher" if way == "launcher" else DOOR)
            (place / EXECUTED).symlink_to(reference(NEW) / "host-local")

        self._conf = self.directory / "net.d"
        self._conf.mkdir()
        for network in MASTERS:
            (self._conf / f"{network}.conf").write_text(json.dumps(network_config(network, 0, self.small)))

    def _plug(self, master: str) -> None:
        self.lan.wire.batch(
            f"link add p{master} type veth peer name {master} netns {self.lan.node.name}",
            f"link set p{master} master br0 up",
        )
        self.lan.node.batch(f"link set {master} up")

    # Calls

    def call(self, call: Call) -> Step:
        """Carry it out and wait for its end, or that of whoever is killed."""
        container = self.former.get(call.container) if call.former else self.containers[call.container]
        assert container is not None
        key = (container.name, call.ifname)
        valid = frozenset((self.containers[number].name, ifname) for number, ifname in call.valid)
        if not container.is_named and call.netns in {"name", "other"} and call.verb != "DEL":
            call = replace(call, netns="process")
        words = ["nsenter", f"--net={self.lan.node.path}", *_limits(call), str(self._bin(call) / "macvlan")]
        disturbed = bool(call.kill or call.limit) or self.is_full or self.is_harmed
        stdin = json.dumps(self._config(call, key, container.number, valid))
        if call.delay:
            threading.Event().wait(call.delay * median(self._usual[call.way]))
        begin = time.monotonic()
        process = subprocess.Popen(
            words, env=self._environment(call, key, container), cwd=self.directory,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with process, killing(call, process, median(self._usual[call.way])):
            try:
                stdout, stderr = process.communicate(stdin, timeout=LIMIT)
                outcome = Outcome(process.returncode, _document(stdout), stderr)
            except subprocess.TimeoutExpired:
                process.kill()
                outcome = Outcome(None)
        end = time.monotonic()
        if not call.kill:
            self._usual[call.way].append(end - begin)
        if call.verb == "ADD" and outcome.ok:
            self._results[key] = outcome.document
        return Step(
            call, begin, end, key if call.verb in {"ADD", "DEL", "CHECK"} else ("", ""), valid,
            outcome=outcome, disturbed=disturbed or self.is_harmed,
            astray=not call.netns or not (container.is_named or call.netns == "process"),
        )  # fmt: skip

    def _bin(self, call: Call) -> Path:
        return self.directory / "bin" / call.way

    def _environment(self, call: Call, key: Key, container: Container) -> dict[str, str]:
        named = {"CONTAINERID": key[0], "IFNAME": key[1], "NETNS": container.path(call.netns)}
        shown = {"ADD": 3, "DEL": 3, "CHECK": 3}.get(call.verb, 0)
        return {
            "PATH": os.environ["PATH"],
            "CNI_COMMAND": call.verb,
            "CNI_PATH": str(self._bin(call)),
            "CNI_MACVLAN_SETTINGS": str(self._settings),
            **self._clock.environment,
            "CNI_MACVLAN_AGENT_SOCKET": "" if call.way == "door" else str(self._socket),
            **{f"CNI_{name}": value for name, value in list(named.items())[:shown] if value},
        }

    def _config(self, call: Call, key: Key, number: int, valid: frozenset[Key]) -> Json:
        slot = number * len(IFNAMES) + IFNAMES.index(call.ifname or IFNAMES[0])
        config = network_config(call.network, slot, self.small)
        if call.verb == "GC":
            config["cni.dev/valid-attachments"] = [{"containerID": each, "ifname": name} for each, name in valid]
        if call.verb in {"CHECK", "DEL"} and key in self._results:
            config["prevResult"] = self._results[key]
        return config

    @contextlib.contextmanager
    def held(self, number: int | None) -> Iterator[None]:
        """Work on a container, as a call does that takes long; None: on nobody's."""
        if number is None:
            yield
            return
        namespace = open_namespace(self.containers[number].home)
        with contextlib.closing(namespace):
            namespace.lock(str(self.small / "state"))
            yield

    # Events

    @property
    def is_full(self) -> bool:
        """Whether the small disk is."""
        return self._full.exists()

    @property
    def boot_id(self) -> str:
        return self._boot_id.read_text().strip()

    def happen(self, event: Event) -> Step:
        """Have something happen."""
        if event.moment:
            threading.Event().wait(event.moment * median(self._usual["door"]))
        begin = time.monotonic()
        touched: Touched = getattr(self, f"_{event.kind.replace(' ', '_')}")(event) or Touched()
        return Step(event, begin, time.monotonic(), containers=touched.ended, robbed=touched.robbed)

    def _rename(self, event: Event) -> None:
        """A tenant with NET_ADMIN renames an interface, to a name that is free."""
        self.containers[event.container].do("ip link set net1 down name lan0 && ip link set lan0 up")

    def _swap(self, event: Event) -> None:
        """It has two interfaces change their names."""
        steps = [("net1", "other"), ("net2", "net1"), ("other", "net2")]
        self.containers[event.container].do(
            " && ".join(f"ip link set {old} down name {new}" for old, new in steps)
            + "; ip link set net1 up; ip link set net2 up"
        )

    def _alias(self, event: Event) -> None:
        self.containers[event.container].do("ip link set net1 alias mine; ip link set net2 alias mine")

    def _move(self, event: Event) -> Touched:
        self.containers[event.container].move("net1")
        return Touched(robbed=frozenset({self.containers[event.container].name}))

    def _unname(self, event: Event) -> None:
        self.containers[event.container].unname()

    def _vanish(self, event: Event) -> Touched:
        return Touched(frozenset({self._end(self.containers[event.container])}))

    def _end(self, container: Container) -> str:
        """A container ends, and another one begins in its place."""
        container.end()
        self.former[container.number] = container
        self.containers[container.number] = Container(container.number)
        return container.name

    def _lose(self, event: Event) -> None:
        """A master goes, and all interfaces on it."""
        if event.master not in self.missing:
            self.lan.node.batch(f"link del {event.master}")
            self.missing.add(event.master)

    def _bring_back(self, event: Event) -> None:
        self.missing.discard(event.master)
        self._plug(event.master)

    def _fill(self, event: Event) -> None:
        """Leave no byte on the disk that has database and leases."""
        del event
        with self._full.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))

    def _drain(self, event: Event) -> None:
        del event
        self._full.unlink(missing_ok=True)

    def _reboot(self, event: Event) -> Touched:
        """Everything ends but the disk."""
        del event
        with self._agent_lock:
            self.agent.kill()
        self._boot_id.write_text(f"{uuid4()}\n")
        ended = [self._end(container) for container in list(self.containers)]
        self.agent = self._begin_agent()
        return Touched(frozenset(ended))

    def _kill_agent(self, event: Event) -> None:
        del event
        with self._agent_lock:
            self.agent.kill()
            self.agent = self._begin_agent()

    def _replace_agent(self, event: Event) -> None:
        del event
        with self._agent_lock:
            former, self.agent = self.agent, self._begin_agent()
            former.ended()

    def _starve_agent(self, event: Event) -> None:
        """Let it have no more than it has, or hardly more, for as long as a call takes."""
        with self._agent_lock:
            kind = resource.RLIMIT_AS if event.what == "memory" else resource.RLIMIT_NOFILE
            usual = resource.prlimit(self.agent.pid, kind)
            now = _memory(self.agent.pid) if event.what == "memory" else len(self.agent.descriptors())
            more = event.place * (STARVED_MEMORY if event.what == "memory" else STARVED_DESCRIPTORS)
            resource.prlimit(self.agent.pid, kind, (now + int(more), usual[1]))
            threading.Event().wait(median(self._usual["door"]))
            resource.prlimit(self.agent.pid, kind, usual)

    def _clock_jumps(self, event: Event) -> None:
        self._clock.jump(event.place)

    def _harm(self, event: Event) -> None:
        """What befalls the lease database while nobody is at work."""
        self.is_harmed = self._forgets = True
        harms.harm(self.small / "state", self._older, event.what, event.place)

    def _rescue(self, event: Event) -> Touched:
        """An operator makes room, removes what nobody can tell the owner of, and rescues the database."""
        self._drain(event)
        robbed = frozenset(container.name for container in self.containers if self._remove_unmarked(container))
        done = subprocess.run(
            ["nsenter", f"--net={self.lan.node.path}", str(DOOR), *RESCUE, "--conf-dir", str(self._conf)],
            env={"PATH": os.environ["PATH"], "CNI_MACVLAN_SETTINGS": str(self._settings)} | self._clock.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"leases rescue: {done.stdout} {done.stderr}"
        self.is_harmed = False
        return Touched(robbed=robbed)

    def _remove_unmarked(self, container: Container) -> bool:
        """Whether there was an interface that bears no mark, by which alone a lost record can be made again."""
        shown = json.loads(execute("nsenter", f"--net={container.home}", "ip", "-j", "-d", "link").stdout)
        unmarked = [
            link["ifname"] for link in shown
            if link.get("linkinfo", {}).get("info_kind") == "macvlan" and not link.get("ifalias", "").startswith(MARK)
        ]  # fmt: skip
        container.do("; ".join(f"ip link del {each}" for each in unmarked))
        return bool(unmarked)

    def _settle(self, event: Event) -> Touched:
        """Nothing is lacking any more."""
        self._drain(event)
        touched = self._rescue(event) if self.is_harmed else Touched()
        for master in sorted(self.missing):
            self._bring_back(Event("bring back", master=master))
        harms.keep(self.small / "state", self._older)
        return touched

    # Looks

    def rest(self) -> None:
        """Wait until nobody does anything any more: who was killed may have left others at work."""
        until(lambda: not self.lan.node.processes(), "no process is left in the node", LIMIT)
        log = self.agent.log.read_text()
        assert self.agent.process.poll() is None, f"the agent has ended by itself: {log}"
        assert "Traceback" not in log, log
        until(self.agent.is_resting, "the agent holds no namespace", LIMIT)

    def look(self, *, vouched: bool = True) -> Survey:
        """All that there is now, in a harmed database only if somebody has ``vouched`` for that."""
        homes = {container.name: container.home for container in self.containers}
        directories = {name: self.small / name / name for name in ("files", "executed")}
        database = None if self.is_harmed and not vouched else self.small / "state" / "leases.db"
        try:
            return survey.look(homes, database, directories, self.boot_id)
        except DatabaseError as error:
            # A call that has read other pages than those that were harmed has not met the damage.
            if not self.is_harmed:
                raise AssertionError(f"nobody has harmed the database: {error}") from error
            return survey.look(homes, None, directories, self.boot_id)

    def tidy(self, living: frozenset[Key]) -> None:
        """Free what an executed plugin gave and no record tells of any more, as its own operator has to."""
        if self._forgets:
            survey.remove_but(self.small / "executed" / "executed", living)
            self._forgets = False

    def right_gc(self, network: str, living: frozenset[Key]) -> Step:
        """A GC of the network, the list of which has every attachment that lives."""
        slots = [(c.number, name) for c in self.containers for name in IFNAMES if (c.name, name) in living]
        return self.call(Call("GC", CALLERS - 1, network=network, way="agent", valid=tuple(slots)))


def _memory(pid: int) -> int:
    """Bytes of a process's address space."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def _limits(call: Call) -> tuple[str, ...]:
    if call.ahead:
        return ("unshare", "--time", "--fork", "--kill-child", f"--monotonic={call.ahead}", f"--boottime={call.ahead}")
    kind, _, number = call.limit.partition("=")
    if number:
        return ("prlimit", f"--{kind}={number}:{number}")
    return ("setpriv", f"--bounding-set=-{kind}", f"--inh-caps=-{kind}") if kind else ()


def _document(stdout: str) -> Any:  # noqa: ANN401 - any JSON
    """The JSON on stdout; who was killed may have written a part of it, or nothing."""
    try:
        return json.loads(stdout)
    except ValueError:
        return None
