"""What a walk does, step by step: drawn from its seed alone, never from an answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINERS: Final = 4
CALLERS: Final = 2
IFNAMES: Final = ("net1", "net2")
NETWORKS: Final = ("pool", "files", "executed", "static", "layer2")
USUAL_NETWORKS: Final = ("pool", "files", *NETWORKS)
MASTERS: Final = {"pool": "m0", "files": "m1", "executed": "m0", "static": "m1", "layer2": "m0"}
WAYS: Final = ("door", "agent", "launcher")
USUAL_WAYS: Final = ("launcher", "launcher", "launcher", "agent", "door")
"""The launcher costs no Python: the more of it, the farther a walk comes."""
SETTLE_EVERY: Final = 25
MEMORY: Final = (8 << 20, 80 << 20)
"""Bytes of address space: too few for a call, or nearly enough."""
NAMED: Final = ("name", "name", "process", "other")
LIVED_IN: Final = ("process", "process", "process", "other")
"""How most namespaces are named to the plugin: those of containers with an even number, and the others."""
HAPPENING: Final = (
    "rename", "rename", "swap", "swap", "alias", "move", "vanish", "vanish", "unname", "lose", "fill", "reboot",
    "replace agent", "clock jumps",
)  # fmt: skip
HARMS: Final = (
    "lose log", "lose log", "cut log", "flip log", "flip database", "cut database", "lose database", "lose files",
    "lose directory", "older file",
)  # fmt: skip
"""What befalls the lease database: bits, files, the directory, or that a backup has its file without the log."""

Slot = tuple[int, str]
"""A place for an attachment: which container, and the interface's name."""


@dataclass(frozen=True)
class Call:
    """A call of a plugin by one of the callers.

    ``netns`` says how the namespace is named: by its "name", an "other" name, a "process" that lives there, or not at
    all. ``former`` means the container that was in this place before. ``valid`` is GC's list. ``limit`` is what the
    process lacks ("nofile=N", "as=N" bytes of memory, or the capabilities "sys_ptrace" or "net_admin"); ``ahead`` is by
    how many seconds the monotonic clock of its time namespace differs. ``kill`` is who is killed ("plugin", "delegate")
    at which ``moment`` of a usual call. ``delay`` is how much of one it begins later than the others.
    """

    verb: str
    caller: int = 0
    container: int = 0
    ifname: str = ""
    network: str = "pool"
    way: str = "door"
    netns: str = "name"
    former: bool = False
    valid: tuple[Slot, ...] = ()
    limit: str = ""
    ahead: int = 0
    kill: str = ""
    moment: float = 0.0
    delay: float = 0.0


@dataclass(frozen=True)
class Event:
    """Something that happens to the node: to a container, to a master, or to all of it.

    ``what`` is what the agent is short of, or how the lease database is harmed, at which ``place`` of 0 to 1.
    """

    kind: str
    container: int = 0
    master: str = ""
    what: str = ""
    place: float = 0.0
    moment: float = 0.0


@dataclass(frozen=True)
class Batch:
    """What happens at the same time; its events are begun with the calls.

    ``held`` is a container that another call works on for as long as all calls but those of GC take.
    """

    calls: tuple[Call, ...] = ()
    events: tuple[Event, ...] = ()
    held: int | None = None


class Walk:
    """The endless walk of a seed: the same batches whenever it is taken."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - it is to be repeated
        self._planned: dict[Slot, str] = {}
        self._missing: list[str] = []
        self._is_full = False
        self._is_harmed = False
        self._is_unnamed = False

    def batches(self) -> Iterator[Batch]:
        """Batch after batch; after some of them the node settles and is compared as a whole."""
        while True:
            for _ in range(SETTLE_EVERY):
                yield self._batch()
            self._missing, self._is_full, self._is_harmed = [], False, False
            yield Batch(events=(Event("settle"),))

    def _batch(self) -> Batch:
        draw = self._random.random()
        if self._is_full and draw < 0.3:
            self._is_full = False
            return Batch(events=(Event("drain"),))
        if self._is_harmed and draw < 0.25:
            self._is_harmed = False
            return Batch(events=(Event("rescue"),))
        if self._missing and draw < 0.3:
            return Batch(events=(Event("bring back", master=self._missing.pop()),))
        if draw < 0.2:
            return self._happening()
        if draw > 0.88 and self._planned:
            return self._delayed_gc()
        calls = [self._call()]
        if draw > 0.5:
            calls.append(replace(self._rival(calls[0]), delay=round(self._random.uniform(0.0, 0.8), 3)))
            if self._random.random() < 0.5:
                calls.reverse()
        return Batch(tuple(calls), self._meanwhile(calls))

    # Calls

    def _call(self) -> Call:
        slot = self._slot()
        verb = self._verb(slot)
        return self._of(slot, verb)

    def _verb(self, slot: Slot) -> str:
        """What brings a slot on, in most cases; now and then anything."""
        usual = ("DEL",) * 6 + ("CHECK", "GC") if slot in self._planned else ("ADD",) * 7 + ("GC",)
        return self._random.choice((*usual, "ADD", "DEL", "CHECK", "STATUS"))

    def _rival(self, first: Call) -> Call:
        """A second call at the same time: often on the same container, or a GC of the same network."""
        draw = self._random.random()
        if draw < 0.35:
            slot = (first.container, self._random.choice(IFNAMES))
            return self._of(slot, self._verb(slot))
        if draw < 0.75:
            gc = self._of(self._slot(), "GC")
            # Its list was made before the first call.
            valid = tuple(slot for slot in gc.valid if slot != (first.container, first.ifname))
            return replace(gc, network=first.network, valid=valid)
        return self._call()

    def _delayed_gc(self) -> Batch:
        """A GC has to wait for a container with something stale, while an ADD in another one gets an address."""
        held, network = self._random.choice([(slot[0], network) for slot, network in sorted(self._planned.items())])
        slot = (self._random.choice([each for each in range(CONTAINERS) if each != held]), self._random.choice(IFNAMES))
        valid = tuple(each for each in sorted(self._planned) if each[0] != held and each != slot)
        gc = Call("GC", self._random.randrange(CALLERS), network=network, way="launcher", valid=valid)
        add = Call("ADD", slot[0] * CALLERS // CONTAINERS, slot[0], slot[1], network, way="door")
        self._planned.setdefault(slot, network)
        return Batch((gc, add), held=held)

    def _of(self, slot: Slot, verb: str) -> Call:
        network = self._planned.get(slot) or self._random.choice(USUAL_NETWORKS)
        if verb != "GC" and self._random.random() < 0.05:
            network = self._random.choice(NETWORKS)
        call = Call(
            verb, slot[0] * CALLERS // CONTAINERS, slot[0], slot[1], network,
            way=self._random.choice(USUAL_WAYS), netns=self._random.choice(LIVED_IN if slot[0] % 2 else NAMED),
        )  # fmt: skip
        call = self._disturbed(call)
        if verb == "ADD":
            self._planned.setdefault(slot, network)
        elif verb == "DEL":
            self._planned.pop(slot, None)
            if self._random.random() < 0.1:
                call = replace(call, netns="")
        elif verb == "GC":
            call = replace(call, network=self._random.choice(USUAL_NETWORKS), caller=self._random.randrange(CALLERS))
            call = replace(call, valid=self._valid(call.caller))
        return call

    def _disturbed(self, call: Call) -> Call:
        draw = self._random.random()
        moment = round(self._random.uniform(0.0, 1.1), 3)
        if draw < 0.08:
            return replace(call, kill="plugin", moment=moment)
        if draw < 0.3 and call.network == "executed":
            return replace(call, kill="delegate", moment=moment)
        if draw > 0.87 and call.verb in {"DEL", "GC"}:
            # Nobody finds the processes of a namespace without the right to look at them.
            limits = ("net_admin",) if self._is_unnamed else ("sys_ptrace", "net_admin")
            return replace(call, way="door", netns="process", limit=self._random.choice(limits))
        if draw > 0.76:
            return self._poor(call)
        return replace(call, ahead=self._random.choice((100_000, 100_000_000))) if draw > 0.74 else call

    def _poor(self, call: Call) -> Call:
        """A call with too few descriptors or too little memory, or nearly enough of them."""
        descriptors = f"nofile={self._random.randrange(4, 20)}"
        memory = f"as={self._random.randrange(*MEMORY)}"
        return replace(call, way="door", limit=self._random.choice((descriptors, memory)))

    def _valid(self, caller: int) -> tuple[Slot, ...]:
        """All that is planned, what this caller alone has, or every slot."""
        slots = [(container, ifname) for container in range(CONTAINERS) for ifname in IFNAMES]
        draw = self._random.random()
        if draw < 0.4:
            slots = [slot for slot in slots if slot in self._planned]
        elif draw < 0.7:
            slots = [slot for slot in slots if slot in self._planned and slot[0] * CALLERS // CONTAINERS == caller]
        return tuple(slots)

    def _slot(self) -> Slot:
        return self._random.randrange(CONTAINERS), self._random.choice(IFNAMES)

    # Events

    def _meanwhile(self, calls: list[Call]) -> tuple[Event, ...]:
        """What happens beside calls: to the agent or the clock, or by a tenant where nothing is being made."""
        draw = self._random.random()
        moment = round(self._random.uniform(0.0, 1.1), 3)
        if draw < 0.17:
            kind = self._random.choice(("kill agent", "replace agent", "starve agent"))
            what = self._random.choice(("memory", "descriptors")) if kind == "starve agent" else ""
            return (Event(kind, what=what, place=self._random.random(), moment=moment),)
        if draw < 0.19:
            return (self._jump(),)
        if self._is_harmed and draw < 0.27:
            self._is_harmed = False
            return (Event("rescue", moment=moment),)
        if draw < 0.3 and all(call.verb != "ADD" and not call.kill for call in calls):
            kind = self._random.choice(("rename", "swap", "alias", "move"))
            return (Event(kind, calls[0].container, moment=moment),)
        return ()

    def _happening(self) -> Batch:
        """Something by itself."""
        kind = self._random.choice((*HAPPENING, *("harm",) * (0 if self._is_harmed else 5)))
        container = self._random.randrange(CONTAINERS)
        if kind == "lose":
            master = self._random.choice(sorted(set(MASTERS.values())))
            if master not in self._missing:
                self._missing.append(master)
            return Batch(events=(Event(kind, master=master),))
        if kind == "harm":
            self._is_harmed = True
            return Batch(events=(Event(kind, what=self._random.choice(HARMS), place=self._random.random()),))
        if kind == "clock jumps":
            return Batch(events=(self._jump(),))
        if kind == "vanish":
            return self._vanishing(container)
        self._is_full |= kind == "fill"
        self._is_unnamed |= kind == "unname"
        if kind == "reboot":
            self._planned.clear()
            self._is_unnamed = False
        return Batch(events=(Event(kind, container),))

    def _jump(self) -> Event:
        """The time of day changes, by up to a week in either direction."""
        return Event("clock jumps", place=self._random.random())

    def _vanishing(self, container: int) -> Batch:
        """A container ends; its runtime calls DEL, or never does."""
        networks = {ifname: self._planned.pop((container, ifname), "") for ifname in IFNAMES}
        asked = [ifname for ifname in IFNAMES if networks[ifname] and self._random.random() < 0.6]
        calls = [
            Call(
                "DEL", container * CALLERS // CONTAINERS, container, ifname, networks[ifname],
                way=self._random.choice(USUAL_WAYS), netns=self._random.choice((*NAMED, "")), former=True,
            )
            for ifname in asked
        ]  # fmt: skip
        return Batch(tuple(calls), (Event("vanish", container),))
