"""Both stores against a plain model of the promised order, over any sequence of verbs and configurations."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from netaddr import IPAddress

from conf.errors import AddressUnavailable, PoolExhausted
from ipam import pool
from ipam.ranges import RangeSet
from ipam.store.files import FilesStore
from ipam.store.sqlite import SqliteStore
from ipam.store.tables import address_of
from ipam.store.witness import forget
from tests.examples import SAME_EVERYWHERE
from tests.unit.ipam.builders import NETWORK, attachment, owner, sets, span

CONFIGURATIONS = (
    sets(span("10.1.0.0/28")),
    sets(span("10.1.0.0/28", exclude=("10.1.0.4/30", "10.1.0.10"))),
    sets(span("10.1.0.0/28", gateway="10.1.0.9", exclude=("10.1.0.2",))),
    sets((span("10.1.0.0/28", "10.1.0.8", "10.1.0.12"), span("10.1.0.0/28", "10.1.0.2", "10.1.0.4"))),
    sets(span("10.1.0.0/28", "10.1.0.6", "10.1.0.7"), span("fd00::/125")),
)
OWNERS = st.sampled_from([(f"c{n}", ifname) for n in range(9) for ifname in ("eth0", "eth1")])
WISHES = st.lists(st.integers(0, 15).map(lambda n: IPAddress(f"10.1.0.{n}")), max_size=2)


@dataclass
class Model:
    """What is leased to whom, and what the order depends on."""

    leases: dict[IPAddress, tuple[str, str]] = field(default_factory=dict)
    cursors: dict[str | int, IPAddress] = field(default_factory=dict)

    def place(self, range_set: RangeSet) -> str | int:
        return range_set.index

    def candidates(self, range_set: RangeSet, after: IPAddress | None = None) -> list[IPAddress]:
        """All that the set may give, in round robin order, leased or not."""
        spans = range_set.intervals(after)
        return [IPAddress(n, range_set.version) for low, high in spans for n in range(low, high + 1)]

    def next(self, range_set: RangeSet) -> IPAddress | None:
        after = self.cursors.get(self.place(range_set))
        return next((each for each in self.candidates(range_set, after) if each not in self.leases), None)

    def give(self, address: IPAddress, holder: tuple[str, str], range_set: RangeSet) -> None:
        self.leases[address] = holder
        self.cursors[self.place(range_set)] = address

    def free(self, holder: tuple[str, str]) -> list[IPAddress]:
        freed = sorted(address for address, each in self.leases.items() if each == holder)
        for address in freed:
            del self.leases[address]
        return freed


@dataclass
class DatabaseModel(Model):
    """As the model of the directory, but never-given addresses come first, then those that rested longest."""

    homes: dict[IPAddress, str | int] = field(default_factory=dict)
    queue: list[IPAddress] = field(default_factory=list)

    def place(self, range_set: RangeSet) -> str:
        return range_set.key

    def next(self, range_set: RangeSet) -> IPAddress | None:
        fresh = self.candidates(range_set, self.cursors.get(range_set.key))
        for address in fresh:
            if address not in self.homes:
                return address
        for address in self.queue:
            if self.homes[address] == range_set.key:
                if range_set.gives(address):
                    return address
                self.homes[address] = "elsewhere"
        return next((each for each in self.candidates(range_set) if each in self.queue), None)

    def give(self, address: IPAddress, holder: tuple[str, str], range_set: RangeSet) -> None:
        super().give(address, holder, range_set)
        self.homes[address] = range_set.key
        if address in self.queue:
            self.queue.remove(address)

    def free(self, holder: tuple[str, str]) -> list[IPAddress]:
        freed = super().free(holder)
        self.queue += freed
        return freed


class Verbs(RuleBasedStateMachine):
    """Every verb, on a store that starts empty."""

    store: Any
    model: Model

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.mkdtemp(prefix="cmv-model-")
        self.range_sets = CONFIGURATIONS[0]

    @initialize(configuration=st.sampled_from(CONFIGURATIONS))
    def configured(self, configuration: tuple[RangeSet, ...]) -> None:
        self.range_sets = configuration

    @rule(configuration=st.sampled_from(CONFIGURATIONS))
    def reconfigure(self, configuration: tuple[RangeSet, ...]) -> None:
        self.range_sets = configuration

    @rule(holder=OWNERS, wishes=st.just([]) | WISHES, replace=st.booleans())
    def acquire(self, holder: tuple[str, str], wishes: list[IPAddress], replace: bool) -> None:  # noqa: FBT001
        before = deepcopy(self.model)
        expected = self.expected(holder, wishes, replace=replace)
        outcome: list[IPAddress] | type[Exception]
        try:
            with self.store.transaction(NETWORK) as tx:
                given = pool.acquire(tx, attachment(*holder), self.range_sets, wishes, replace=replace)
        except (AddressUnavailable, PoolExhausted) as error:
            outcome = type(error)
            self.model = before
        else:
            outcome = [each.address.ip for each in given]
        assert outcome == expected

    def expected(
        self, holder: tuple[str, str], wishes: list[IPAddress], *, replace: bool
    ) -> list[IPAddress] | type[Exception]:
        model = self.model
        left = list(dict.fromkeys(wishes))
        plan = []
        for range_set in self.range_sets:
            wish = next((each for each in left if each in range_set), None)
            plan.append((range_set, wish))
            if wish is not None:
                left.remove(wish)
        if left:
            return AddressUnavailable
        if replace:
            model.free(holder)
        chosen = []
        for range_set, wish in plan:
            if any(each in range_set for each, by in model.leases.items() if by == holder):
                return AddressUnavailable
            if wish is not None and (wish in model.leases or not range_set.gives(wish)):
                return AddressUnavailable
            address = model.next(range_set) if wish is None else wish
            if address is None:
                return PoolExhausted
            chosen.append(address)
        for address, range_set in zip(chosen, self.range_sets, strict=True):
            model.give(address, holder, range_set)
        return chosen

    @rule(holder=OWNERS)
    def release(self, holder: tuple[str, str]) -> None:
        with self.store.transaction(NETWORK) as tx:
            assert pool.release(tx, owner(*holder)) == self.model.free(holder)

    @rule(valid=st.sets(OWNERS, max_size=3))
    def sweep(self, valid: set[tuple[str, str]]) -> None:
        with self.store.transaction(NETWORK) as tx:
            for gone in pool.sweep(tx, valid):
                holder = (gone.container_id, gone.ifname)
                assert holder not in valid
                assert self.model.free(holder)
        assert set(self.model.leases.values()) <= valid

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        holders = set(self.model.leases.values())
        with self.store.transaction(NETWORK) as tx:
            assert {(each.container_id, each.ifname) for each in tx.owners()} == holders
            for holder in holders:
                expected = sorted(each for each, by in self.model.leases.items() if by == holder)
                assert tx.leases(owner(*holder)) == expected
            for address, holder in self.model.leases.items():
                assert tx.holder(address) == owner(*holder)

    def teardown(self) -> None:
        if isinstance(self.store, SqliteStore):
            self.store.close()
        shutil.rmtree(self.place)
        forget(self.place)


class DatabaseVerbs(Verbs):
    def __init__(self) -> None:
        super().__init__()
        self.store = SqliteStore(self.place, "boot-1")
        self.model = DatabaseModel()

    @invariant()
    def used_is_what_was_leased_or_released_in_runs_that_do_not_touch(self) -> None:
        with self.store._exclusive() as db:
            known = {
                address_of(row[0]) for row in db.execute("SELECT address FROM lease UNION SELECT address FROM released")
            }
            runs = [tuple(map(address_of, row)) for row in db.execute("SELECT first, last FROM used ORDER BY first")]
        assert {IPAddress(n, low.version) for low, high in runs for n in range(low.value, high.value + 1)} == known
        assert all(one[1].value + 1 < two[0].value for one, two in itertools.pairwise(runs))


class DirectoryVerbs(Verbs):
    def __init__(self) -> None:
        super().__init__()
        self.store = FilesStore(self.place)
        self.model = Model()

    @invariant()
    def the_directory_has_a_file_for_each_lease_and_nothing_of_its_own(self) -> None:
        directory = Path(self.place) / NETWORK
        names = {each.name for each in directory.iterdir()} if directory.exists() else set()
        assert {name for name in names if not name.startswith("l")} == {str(each) for each in self.model.leases}


TestDatabase = DatabaseVerbs.TestCase
TestDirectory = DirectoryVerbs.TestCase
TestDatabase.settings = TestDirectory.settings = settings(SAME_EVERYWHERE, max_examples=40, stateful_step_count=40)
