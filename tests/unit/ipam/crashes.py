"""Processes that use a store and are killed in it: run as ``python -m tests.unit.ipam.crashes MODE KIND PLACE ...``.

A process of its own, since forking is for programs without threads, and a test runner is none.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from ipam import pool
from ipam.ranges import RangeSet, canonical
from ipam.store.files import FilesStore
from ipam.store.replacement import Held, replace
from ipam.store.salvage import best_of
from ipam.store.sqlite import SqliteStore
from ipam.store.witness import Seen, place_of
from tests.unit.ipam.builders import NETWORK, attachment, owner, sets, span

Store = SqliteStore | FilesStore

RANGES = sets(span("10.1.0.0/28"), span("fd00::/120"))


def open_store(kind: str, place: str, wait: float = 30.0) -> Store:
    return SqliteStore(place, "boot-1", wait=wait) if kind == "sqlite" else FilesStore(place, wait=wait)


def add(store: Store, name: str, range_sets: tuple[RangeSet, ...] = RANGES) -> list[str]:
    with store.transaction(NETWORK) as tx:
        return [canonical(each.address.ip) for each in pool.acquire(tx, attachment(name), range_sets, replace=True)]


def delete(store: Store, name: str) -> None:
    with store.transaction(NETWORK) as tx:
        pool.release(tx, owner(name))


def rescue(place: str) -> None:
    best = best_of(f"{place}/leases.db", f"{place}-scratch", Seen("", 0, holds=False))
    replace(place, "boot-1", best.content, [])


def restore(place: str) -> None:
    with Held(place, "boot-1").held():
        rescue(place)


def fork(work: Callable[[], object]) -> int:
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:  # noqa: BLE001 - the parent gets it as an exit status, whatever it is
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return pid


def killed(pid: int) -> bool:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in {0, -signal.SIGKILL}:
        sys.exit(f"a child ended with {status}")
    return status != 0


def kill_before_call(number: int) -> None:
    """End this process by SIGKILL just before its ``number``-th call to the operating system or to SQLite."""
    left = itertools.count(number, -1)

    def watch(_frame: FrameType, event: str, function: object) -> None:
        if event != "c_call":
            return
        bound = getattr(function, "__self__", None)
        ours = isinstance(bound, sqlite3.Connection) or getattr(bound, "__name__", "") in {"posix", "fcntl"}
        if (ours or function is sqlite3.connect) and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def at_every_call(kind: str, place: str, verb: str) -> None:
    """Run the verb for c9 in ``place/0``, ``place/1`` ...: copies of ``place/template``, killed one call later each.

    "rescue" and "restore" are about the whole database.
    """
    for number in itertools.count():
        copy = f"{place}/{number}"
        if Path(place, "template").exists():
            shutil.copytree(f"{place}/template", copy)
            with suppress(FileNotFoundError):
                shutil.copy(place_of(f"{place}/template"), place_of(copy))

        def work(number: int, copy: str) -> None:
            store = open_store(kind, copy)
            kill_before_call(number)
            match verb:
                case "add":
                    add(store, "c9")
                case "delete":
                    delete(store, "c9")
                case "rescue":
                    rescue(copy)
                case "restore":
                    restore(copy)

        if not killed(fork(partial(work, number, copy))):
            print(number)  # noqa: T201 - the answer
            return


def at_any_time(kind: str, place: str, rounds: str) -> None:
    """Keep two busy processes on the store, and kill one after the other."""

    def work(name: str) -> None:
        store = open_store(kind, place)
        while True:
            add(store, name)
            delete(store, name)

    dice = random.Random(7)  # noqa: S311 - delays, not secrets
    busy = [fork(partial(work, "c0"))]
    try:
        for number in range(1, int(rounds) + 1):
            busy.append(fork(partial(work, f"c{number % 5}")))
            time.sleep(dice.uniform(0, 0.02))
            os.kill(busy[0], signal.SIGKILL)
            if not killed(busy.pop(0)):
                sys.exit("an endless child ended")
    finally:  # they would go on after a failure, and keep the reader of our output waiting
        for pid in busy:
            os.kill(pid, signal.SIGKILL)
            killed(pid)


def crowd(kind: str, place: str, processes: str, each: str, subnet: str = "10.1.0.0/28") -> None:
    """Let processes begin at the same moment with a store that is not there yet; print what they were given."""
    range_sets = sets(span(subnet), span("fd00::/120"))
    waiting, go = os.pipe()

    def work(number: int) -> None:
        os.close(go)
        os.read(waiting, 1)
        store = open_store(kind, place)
        lines = [" ".join((f"p{number}-{n}", *add(store, f"p{number}-{n}", range_sets))) for n in range(int(each))]
        os.write(1, "".join(f"{line}\n" for line in lines).encode())

    children = [fork(partial(work, number)) for number in range(int(processes))]
    os.close(go)
    for child in children:
        killed(child)


def crashes(*arguments: object) -> str:
    """Run this module with the arguments, and return what it printed."""
    command = [sys.executable, "-m", "tests.unit.ipam.crashes", *map(str, arguments)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


MODES: dict[str, Callable[..., None]] = {
    "at_every_call": at_every_call,
    "at_any_time": at_any_time,
    "crowd": crowd,
}

if __name__ == "__main__":
    MODES[sys.argv[1]](*sys.argv[2:])
