"""What is known of each attachment, from the history alone: that it must be there, must be gone, or may be either."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.soak.actions import NETWORKS, Call

if TYPE_CHECKING:
    from tests.soak.history import Key, Step
    from tests.soak.survey import Survey

ATTACHED: Final = "attached"
DETACHED: Final = "detached"
UNKNOWN: Final = "unknown"
TRY_AGAIN: Final = 11


@dataclass(frozen=True)
class Known:
    """An attachment's state, the networks that may have a record of it, and what a successful ADD has answered.

    ``linkless``: whatever its records are, it has no interface. ``fresh``: its ADD was the last that touched it.
    """

    state: str = DETACHED
    networks: frozenset[str] = frozenset()
    mac: str = ""
    addresses: frozenset[str] = frozenset()
    linkless: bool = True
    fresh: bool = False


@dataclass(frozen=True)
class Life:
    """A time in which an attachment certainly had its addresses, in seconds of the monotonic clock."""

    key: Key
    addresses: frozenset[str]
    begin: float
    end: float


class Model:
    """Follows the history, batch by batch."""

    def __init__(self) -> None:
        self.known: dict[Key, Known] = {}
        self.ended: set[str] = set()
        """Containers that are no more."""
        self.owners: dict[str, Key] = {}
        """Whose interface has a MAC address: as ADD answered, or by the name that it had when it was seen first."""

    def follow(self, steps: list[Step]) -> list[Life]:
        """Take in what happened at the same time; returns who certainly lived when."""
        lives: list[Life] = []
        for key in {*self.known, *(step.key for step in steps if step.verb == "ADD")}:
            before = self.known.get(key, Known())
            networks = before.networks | {step.network for step in steps if step.key == key and step.verb == "ADD"}
            touching = sorted((s for s in steps if s.touches(key, networks)), key=lambda step: step.begin)
            lives += _lives(key, before, touching, steps)
            self.known[key] = _after(before, touching)
        if any(step.rewrites for step in steps):
            self.known = {key: _put_back(known) for key, known in self.known.items()}
        for step in steps:
            self.ended |= step.containers
            if step.verb == "ADD" and step.ok and step.outcome is not None:
                self.owners[step.outcome.mac] = step.key
        return lives

    def meet(self, survey: Survey) -> None:
        """Remember whose the interfaces are that nobody has answered for."""
        for each in survey.interfaces:
            self.owners.setdefault(each.mac, (each.container, each.name))


def _after(before: Known, touching: list[Step]) -> Known:
    if not touching:
        return replace(before, fresh=False)
    if any(later.begin < earlier.end for earlier, later in pairwise(touching)):
        return _mixed(before, touching)
    return reduce(_fold, touching, before)


def _put_back(known: Known) -> Known:
    """The attachment beside a database that may have old records again, but no interface that is gone."""
    state = known.state if known.state == ATTACHED else UNKNOWN
    return replace(known, state=state, networks=known.networks | frozenset(NETWORKS))


def _mixed(before: Known, touching: list[Step]) -> Known:
    """Steps at the same time, in whatever order the plugin took them; without an ADD the order is no matter."""
    adds = [step for step in touching if step.verb == "ADD"]
    if not adds:
        return reduce(_fold, sorted(touching, key=lambda step: step.ok), before)
    return Known(UNKNOWN, before.networks | {step.network for step in adds}, linkless=False)


def _fold(known: Known, step: Step) -> Known:
    if not isinstance(step.action, Call):  # of the networks that it may be in the master that went may be of another
        linkless = known.linkless or bool(step.containers)
        return replace(known, state=UNKNOWN if known.networks else DETACHED, linkless=linkless, fresh=False)
    if step.verb == "ADD":
        return _added(known, step)
    if not step.ok:
        return replace(known, state=known.state if known.state == DETACHED else UNKNOWN, fresh=False)
    is_recorded = known.state == ATTACHED and known.networks == {step.network}
    if step.verb == "DEL" and step.astray and not is_recorded:  # there was nothing that leads to it
        return replace(known, state=UNKNOWN if known.networks else DETACHED, fresh=False)
    networks = known.networks - {step.network}
    linkless = known.linkless or step.verb == "DEL" or not networks
    return replace(known, state=UNKNOWN if networks else DETACHED, networks=networks, linkless=linkless, fresh=False)


def _added(known: Known, step: Step) -> Known:
    assert step.outcome is not None
    if step.ok:
        found = step.outcome
        return Known(ATTACHED, known.networks | {step.network}, found.mac, found.addresses, linkless=False, fresh=True)
    is_harmless = not step.disturbed and step.outcome.code not in {TRY_AGAIN, -1}
    if is_harmless and known.state != UNKNOWN:
        return replace(known, fresh=False)  # nothing is left of it
    return Known(UNKNOWN, known.networks | {step.network}, known.mac, known.addresses, linkless=False)


def _lives(key: Key, before: Known, touching: list[Step], steps: list[Step]) -> list[Life]:
    """Until the first step that could end it has begun; an ADD's from its end on."""
    begin, end = min(step.begin for step in steps), max(step.end for step in steps)
    found = []
    if before.state == ATTACHED:
        found.append(Life(key, before.addresses, begin, min([step.begin for step in touching] or [end])))
    for step in touching:
        others = [other for other in touching if other is not step and other.end > step.begin]
        if step.verb == "ADD" and step.ok and step.outcome is not None:
            found.append(Life(key, step.outcome.addresses, step.end, min([other.begin for other in others] or [end])))
    return [life for life in found if life.begin <= life.end]
