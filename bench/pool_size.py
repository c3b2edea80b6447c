"""What a lease alone costs, given and released, by how many others are held: the stores without the plugin around."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Final

from bench.contenders import IFNAME, NETWORK, SUBNET, container_id
from bench.figures import REFERENCES, Figure
from bench.filling import RANGES, attachment, boot_id
from bench.lease_numbers import line_of
from bench.process import Call, run
from ipam import pool
from ipam.store.files import FilesStore
from ipam.store.sqlite import SqliteStore
from tests.reference import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.filling import Stock

    Pair = Callable[[str], float]

DATABASE: Final = "our database, one process"
PER_VERB: Final = "our database, a process per verb"
FILES: Final = "host-local's files, ours, one process"
FEWER: Final = 100  # rounds of a directory, of which one takes up to seconds, for so many of the database


def measure(stocks: dict[int, Stock], rounds: int) -> Iterator[Figure]:
    """Measure every store at every size; table "pool" (ms of the clock)."""
    sizes = list(stocks)
    stores = [SqliteStore(str(stock.database), boot_id()) for stock in stocks.values()]
    few = max(3, rounds // FEWER)
    plan: list[tuple[str, list[Pair], int]] = [
        (DATABASE, [_kept(store) for store in stores], rounds),
        (PER_VERB, [_process_per_verb(stock.database) for stock in stocks.values()], rounds // 4),
        (FILES, [_in_directory(FilesStore(str(stock.ours / "networks"))) for stock in stocks.values()], few),
    ]
    for name, release in REFERENCES.items():
        plan.append((name, [_executable(release, stock.theirs) for stock in stocks.values()], few))
    for contender, pairs, times in plan:
        series: list[list[float]] = [[] for _ in sizes]
        for number in range(-2, times):
            # the sizes take turns, so that a busy machine slows all of them
            for pair, samples in zip(pairs, series, strict=True):
                took = pair(container_id(number + 2))
                if number >= 0:
                    samples.append(took * 1e3)
        if contender == DATABASE:
            for store in stores:
                store.close()  # a connection must not be used on both sides of a fork
        for held, samples in zip(sizes, series, strict=True):
            yield Figure("pool", line_of(held), contender, "ms", tuple(samples))


def _timed(give: Callable[[str], None], take: Callable[[str], None]) -> Pair:
    """The seconds that it takes to give a lease and to take it back."""

    def pair(name: str) -> float:
        begin = time.perf_counter()
        give(name)
        take(name)
        return time.perf_counter() - begin

    return pair


def _kept(store: SqliteStore) -> Pair:
    """One process that keeps the store, as the agent does."""
    return _timed(lambda name: _acquire(store, name), lambda name: _forget(store, name))


def _process_per_verb(place: Path) -> Pair:
    """A process for each verb, forked with everything imported: what the store adds to a plugin's start."""

    def child(work: Callable[[SqliteStore, str], None], name: str) -> None:
        pid = os.fork()
        if not pid:
            work(SqliteStore(str(place), boot_id()), name)
            os._exit(0)
        os.waitpid(pid, 0)

    return _timed(lambda name: child(_acquire, name), lambda name: child(_forget, name))


def _in_directory(store: FilesStore) -> Pair:
    def release(name: str) -> None:
        with store.transaction(NETWORK) as tx:
            tx.release(attachment(name).owner)

    return _timed(lambda name: _acquire(store, name), release)


def _executable(release: str, place: Path) -> Pair:
    """The host-local of a release of the reference, executed as its macvlan does."""
    ipam = {"type": "host-local", "dataDir": str(place / "networks"), "ranges": [[{"subnet": SUBNET}]]}
    stdin = place / "config"
    stdin.write_text(json.dumps({"cniVersion": "1.0.0", "name": NETWORK, "type": "macvlan", "ipam": ipam}))
    fixed = {"CNI_NETNS": "/run/netns/none", "CNI_IFNAME": IFNAME, "CNI_PATH": str(reference(release))}
    executable = str(reference(release) / "host-local")

    def pair(name: str) -> float:
        calls = [
            Call(executable, {"CNI_COMMAND": verb, "CNI_CONTAINERID": name, **fixed}, str(stdin), str(place / "out"))
            for verb in ("ADD", "DEL")
        ]
        return sum(run(call).wall for call in calls) / 1e3

    return pair


def _acquire(store: SqliteStore | FilesStore, name: str) -> None:
    with store.transaction(NETWORK) as tx:
        pool.acquire(tx, attachment(name), RANGES, replace=True)


def _forget(store: SqliteStore, name: str) -> None:
    with store.transaction(NETWORK) as tx:
        tx.forget(attachment(name).owner)
