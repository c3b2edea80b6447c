"""What one lease costs, given and released, when ten and when fifty thousand are held.

    PYTHONPATH=. python bench/pool_size.py [--json] [--rounds N] [--held N]

Our database, in one process and in a new process for each verb; host-local's directory, served by us and by the
reference's executable where there is one. The two sizes take turns, so that a busy machine slows both. Exit status 1:
the database's price depends on its size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Final

from netaddr import IPNetwork

from conf.addresses import RangeConfig
from ipam import pool
from ipam.lease import Attachment, Owner
from ipam.ranges import range_sets
from ipam.store.files import FilesStore
from ipam.store.sqlite import SqliteStore

FEW: Final = 10
LIMIT: Final = 1.2
NETWORK: Final = "bench"
SUBNET: Final = "10.0.0.0/15"
RANGES: Final = range_sets(((RangeConfig(IPNetwork(SUBNET)),),))
REFERENCE: Final = Path("/usr/lib/cni/host-local")

Pair = Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """One line of the report; pairs are for few and for many leases, ``ratio`` is that of the medians."""

    what: str
    rounds: int
    median_ms: tuple[float, float]
    mean_ms: tuple[float, float]
    ratio: float


def attachment(name: str) -> Attachment:
    """One container, described at the length that real ones have."""
    where = f"/var/run/netns/cni-{name[-36:]:0>36}"
    return Attachment(Owner(NETWORK, name, "eth0"), where, "4:4026531840", "macvlan", "cni-macvlan-py", "", "boot", 1)


def name_of(number: int) -> str:
    """A container id as runtimes make them: 64 hexadecimal digits, in no order."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4


def filled_database(place: Path, held: int) -> SqliteStore:
    """A database that holds so many leases."""
    store = SqliteStore(str(place), "boot")
    for begin in range(0, held, 1000):
        with store.transaction(NETWORK) as tx:
            for number in range(begin, min(begin + 1000, held)):
                pool.acquire(tx, attachment(name_of(number)), RANGES, replace=False)
    return store


def filled_directory(place: Path, held: int) -> Path:
    """A host-local data directory that holds so many leases."""
    (place / NETWORK).mkdir(parents=True)
    base = RANGES[0].ranges[0].first.value + 1
    for number in range(held):
        address = IPNetwork((base + number, 32), version=4).ip
        (place / NETWORK / str(address)).write_bytes(f"{name_of(number)}\r\neth0".encode())
    (place / NETWORK / "last_reserved_ip.0").write_text(str(IPNetwork((base + held - 1, 32), version=4).ip))
    return place


def in_process(store: SqliteStore | FilesStore) -> Pair:
    """One process that keeps the store, as the agent does."""

    def pair(name: str) -> None:
        with store.transaction(NETWORK) as tx:
            pool.acquire(tx, attachment(name), RANGES, replace=True)
        if isinstance(store, SqliteStore):
            with store.transaction(NETWORK) as tx:
                tx.forget(attachment(name).owner)
        else:
            with store.transaction(NETWORK) as tx:
                tx.release(attachment(name).owner)

    return pair


def process_per_verb(place: Path) -> Pair:
    """A process for each verb, forked with everything imported: what the store adds to a plugin's start."""

    def child(work: Callable[[SqliteStore], object]) -> None:
        pid = os.fork()
        if not pid:
            work(SqliteStore(str(place), "boot"))
            os._exit(0)
        os.waitpid(pid, 0)

    def pair(name: str) -> None:
        def add(store: SqliteStore) -> None:
            with store.transaction(NETWORK) as tx:
                pool.acquire(tx, attachment(name), RANGES, replace=True)

        def delete(store: SqliteStore) -> None:
            with store.transaction(NETWORK) as tx:
                tx.forget(attachment(name).owner)

        child(add)
        child(delete)

    return pair


def executable(place: Path) -> Pair:
    """The reference's host-local, executed."""
    ipam = {"type": "host-local", "dataDir": str(place), "ranges": [[{"subnet": SUBNET}]]}
    config = json.dumps({"cniVersion": "1.0.0", "name": NETWORK, "type": "macvlan", "ipam": ipam})
    fixed = {"CNI_NETNS": "/run/netns/none", "CNI_IFNAME": "eth0", "CNI_PATH": str(REFERENCE.parent)}

    def pair(name: str) -> None:
        for verb in ("ADD", "DEL"):
            environment = {"CNI_COMMAND": verb, "CNI_CONTAINERID": name, **fixed}
            subprocess.run([REFERENCE], env=environment, input=config.encode(), check=True, capture_output=True)

    return pair


def measure(few: Pair, many: Pair, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each round, at both sizes in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(-2, rounds):
        for pair, series in zip((few, many), times, strict=True):
            begin = time.perf_counter()
            pair(name_of(10**7 + number))
            if number >= 0:
                series.append((time.perf_counter() - begin) * 1000)
    return times


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=1000, help="rounds for our database (default: 1000)")
    parser.add_argument("--held", type=int, default=50_000, help="how many leases are many (default: 50000)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cni-macvlan-py-bench-") as scratch:
        place = Path(scratch)
        databases = [filled_database(place / f"database-{held}", held) for held in (FEW, arguments.held)]
        directories = [filled_directory(place / f"directory-{held}", held) for held in (FEW, arguments.held)]
        plan: list[tuple[str, list[Pair], int]] = [
            ("database, one process", [in_process(each) for each in databases], arguments.rounds),
            (
                "database, a process per verb",
                [process_per_verb(place / f"database-{held}") for held in (FEW, arguments.held)],
                arguments.rounds // 3,
            ),
            ("host-local directory, ours", [in_process(FilesStore(str(each))) for each in directories], 5),
        ]
        if REFERENCE.exists():
            plan.append(("host-local directory, reference", [executable(each) for each in directories], 5))
        figures: list[Figure] = []
        for what, (few, many), rounds in plan:
            if what == "database, a process per verb":
                for each in databases:
                    each.close()
            small, large = measure(few, many, rounds)
            figures.append(
                Figure(
                    what,
                    rounds,
                    median_ms=(round(median(small), 3), round(median(large), 3)),
                    mean_ms=(round(fmean(small), 3), round(fmean(large), 3)),
                    ratio=round(median(large) / median(small), 2),
                )
            )
    report(figures, arguments.held, as_json=arguments.json)
    return any(each.ratio > LIMIT for each in figures if each.what.startswith("database"))


def report(figures: list[Figure], held: int, *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        print(json.dumps({"held": [FEW, held], "figures": list(map(asdict, figures))}))
        return
    print(f"{'ADD and DEL of one lease, median ms':36} {FEW:>10} held {held:>10} held      ratio")
    for each in figures:
        low, high = each.median_ms
        print(f"{each.what:36} {low:15.2f} {high:15.2f} {each.ratio:10.2f}")


if __name__ == "__main__":
    sys.exit(main())
