"""Holds the history to the kernel: what may never be, at any moment, whatever was killed or lacking."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from tests.soak.actions import MASTERS, Call
from tests.soak.model import ATTACHED, DETACHED, TRY_AGAIN
from tests.soak.networks import pool_of
from tests.soak.node import LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.soak.history import Key, Outcome, Step
    from tests.soak.model import Known, Life, Model
    from tests.soak.survey import Interface, Survey

INTERNAL: Final = 999
MASTER_MISSING: Final = 101
EXHAUSTED: Final = 107
EXISTS: Final = 103
EXPECTED: Final = {"ADD": {TRY_AGAIN, EXISTS, EXHAUSTED}, "DEL": {TRY_AGAIN}, "GC": {TRY_AGAIN}}
"""Codes of calls that nothing was in the way of."""


class Violation(Exception):
    """What is wrong, the containers that it is about, and the networks."""

    def __init__(self, text: str, containers: set[str], networks: set[str] | None = None) -> None:
        super().__init__(text)
        self.containers = containers
        self.networks = networks or set(MASTERS)


def judge(model: Model, steps: list[Step], lives: list[Life], survey: Survey, missing: set[str]) -> None:
    """Raise Violation for the worst that a batch, which the model has followed, came to."""
    found = [
        *_shared(survey), *_shared_in_time(lives), *_unleased(survey), *_attached(model, survey, steps),
        *_detached(model, survey), *_answers(steps, missing), *_checked(model, survey, steps),
    ]  # fmt: skip
    if found:
        raise found[0]


def settled(before: Survey, after: Survey, owners: dict[str, Key]) -> None:
    """Raise Violation unless a GC of every network, with a list of all that lives, has left that and nothing else."""
    living = {owners[each.mac] for each in before.interfaces}
    lost = {each.mac for each in before.interfaces} - {each.mac for each in after.interfaces}
    for mac in lost:
        raise Violation(f"GC removed an interface that its list has: {owners[mac]}", {owners[mac][0]})
    for lease in after.leases:
        if lease.key not in living:
            raise Violation(f"after GC a lease without an attachment: {lease}", {lease.key[0]}, {lease.network})
    for network, key in after.records:
        if key not in living:
            raise Violation(f"after GC a record without an attachment: {network} {key}", {key[0]}, {network})


def _shared(survey: Survey) -> Iterator[Violation]:
    """No address on two living interfaces."""
    ordered = sorted((address, each.container, each.name) for each in survey.interfaces for address in each.addresses)
    for one, other in itertools.pairwise(ordered):
        if one[0] == other[0]:
            yield Violation(f"{one[0]} is on two interfaces: {one[1:]} and {other[1:]}", {one[1], other[1]})


def _shared_in_time(lives: list[Life]) -> Iterator[Violation]:
    for one, other in itertools.combinations(lives, 2):
        shared = one.addresses & other.addresses
        if one.key != other.key and shared and max(one.begin, other.begin) < min(one.end, other.end):
            text = f"{sorted(shared)} was on two interfaces at a time: {one} and {other}"
            yield Violation(text, {one.key[0], other.key[0]})


def _unleased(survey: Survey) -> Iterator[Violation]:
    """Whoever has an address of a pool holds its lease, in this boot."""
    held = {(lease.address, lease.key[0]) for lease in survey.leases if lease.key not in survey.void}
    for each in survey.interfaces:
        for address in each.addresses:
            network = pool_of(address.partition("/")[0])
            if survey.partial and network == "pool":
                continue
            if network and (address.partition("/")[0], each.container) not in held:
                text = f"{address} is free, but {each.name} of {each.container} has it"
                yield Violation(text, {each.container}, {network})


def _attached(model: Model, survey: Survey, steps: list[Step]) -> Iterator[Violation]:
    """What ADD said is so, and stays until something may have changed it."""
    there = {each.mac: each for each in survey.interfaces}
    disturbed = {step.action.container for step in steps if not isinstance(step.action, Call)}
    by_number = {step.key: step.action.container for step in steps if isinstance(step.action, Call)}
    for key, known in model.known.items():
        if known.state != ATTACHED:
            continue
        found = there.get(known.mac)
        if found is None or found.container != key[0]:
            yield Violation(f"{key} is attached, but its interface is not there", {key[0]}, set(known.networks))
        elif known.fresh and by_number.get(key) not in disturbed and not _is_as_answered(found, key, known):
            yield Violation(f"{key} is not as ADD answered: {found}, {known}", {key[0]}, set(known.networks))


def _is_as_answered(found: Interface, key: Key, known: Known) -> bool:
    return (found.name, found.up, found.addresses) == (key[1], True, known.addresses)


def _detached(model: Model, survey: Survey) -> Iterator[Violation]:
    """What was detached is gone for good, and holds nothing."""
    owned = {model.owners[each.mac]: each for each in survey.interfaces}
    for key, known in model.known.items():
        if known.linkless and key in owned:
            yield Violation(f"{key} is detached, but its interface is there: {owned[key]}", {key[0]})
        if known.state != DETACHED:
            continue
        for lease in survey.leases:
            if lease.key == key:
                yield Violation(f"{key} is detached, but has a lease: {lease}", {key[0]})
        for network, recorded in survey.records:
            if recorded == key:
                yield Violation(f"{key} is detached, but has a record in {network}", {key[0]})


def _checked(model: Model, survey: Survey, steps: list[Step]) -> Iterator[Violation]:
    """A CHECK that nothing else happened beside succeeds for an interface that is there, and has its name."""
    there = {model.owners[each.mac]: each.name for each in survey.interfaces}
    for step in steps:
        if step.verb == "CHECK" and step.ok and len(steps) == 1 and there.get(step.key) != step.key[1]:
            yield Violation(f"CHECK of {step.key} succeeds, but there is {there.get(step.key)}", {step.key[0]})


def _answers(steps: list[Step], missing: set[str]) -> Iterator[Violation]:
    for step in steps:
        if step.outcome is not None and (text := _objection(step, step.outcome, missing)):
            yield Violation(f"{step.verb} of {step.key}: {text}", {step.key[0]})


def _objection(step: Step, outcome: Outcome, missing: set[str]) -> str:
    if outcome.status is None:
        return f"no end within {LIMIT:.0f} s"
    lacks_master = MASTERS[step.network] in missing
    if outcome.ok and lacks_master and step.verb in {"STATUS", "ADD", "CHECK"}:
        return "success without a master"
    # The executed plugin's own errors have no other code, as for a range without a free address.
    is_theirs = outcome.code == INTERNAL and step.network == "executed"
    if outcome.ok or is_theirs:
        return ""
    if outcome.code == INTERNAL or (outcome.code == -1 and not step.disturbed):
        return f"status {outcome.status}, code {outcome.code}: {outcome.document} {outcome.stderr}"
    expected = EXPECTED.get(step.verb)
    if step.disturbed or expected is None or outcome.code in expected or (lacks_master and step.verb == "ADD"):
        return ""
    return f"nothing was in its way, but code {outcome.code}: {outcome.document}"
