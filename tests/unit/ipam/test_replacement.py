"""A database is replaced while it is used, and by who is killed in it: no lease is lost, none is refused for ever."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.errors import StoreFailure
from ipam.store.log_frames import FRAME, HEADER
from ipam.store.replacement import Held
from ipam.store.salvage import best_of, state_of
from ipam.store.sqlite import SqliteStore
from ipam.store.view import SqliteView
from ipam.store.witness import Seen, forget
from tests.unit.ipam.crashes import add, crashes, delete, rescue

Opening = Callable[..., SqliteStore]
KEPT = {"c1", "c2", "c3"}


@pytest.fixture
def template(opening: Opening, tmp_path: Path) -> Path:
    store = opening("sqlite", tmp_path / "template")
    for name in (*sorted(KEPT), "c4"):
        add(store, name)
    delete(store, "c4")
    return tmp_path / "template"


def holders(place: Path) -> set[str]:
    return {known.owner.container_id for known, leased in SqliteView(str(place), "boot-1").holdings() if leased}


def test_a_kill_in_a_rescue_is_made_good_by_the_next(template: Path, opening: Opening, tmp_path: Path) -> None:
    log = template / "leases.db-wal"
    damaged = bytearray(log.read_bytes())
    damaged[10] ^= 1  # in its header: to SQLite there is no log
    log.write_bytes(damaged)
    count = int(crashes("at_every_call", "sqlite", tmp_path, "rescue"))
    assert count > 20
    refused = 0
    for number in range(count + 1):
        place = tmp_path / str(number)
        try:
            assert holders(place) == KEPT
        except StoreFailure:
            refused += 1
            rescue(str(place))
        assert holders(place) == KEPT, number
        add(opening("sqlite", place), "c9")
        assert holders(place) == {*KEPT, "c9"}
    assert 0 < refused < count + 1


@pytest.mark.usefixtures("template")
def test_a_kill_in_a_restore_loses_nothing(opening: Opening, tmp_path: Path) -> None:
    count = int(crashes("at_every_call", "sqlite", tmp_path, "restore"))
    assert count > 20
    for number in range(count + 1):
        place = tmp_path / str(number)
        try:
            add(opening("sqlite", place), "c9")
        except StoreFailure:
            rescue(str(place))
            add(opening("sqlite", place), "c9")
        assert holders(place) == {*KEPT, "c9"}, number


def test_who_waited_for_the_former_database_goes_on_with_the_new(template: Path, opening: Opening) -> None:
    store = opening("sqlite", template)
    begun = threading.Event()
    with store._exclusive() as connection:
        connection.set_trace_callback(lambda statement: begun.set() if statement.startswith("BEGIN") else None)
    waiting = threading.Thread(target=add, args=(store, "c9"))
    with Held(str(template), "boot-1").held():
        waiting.start()
        assert begun.wait(30)
        rescue(str(template))
    waiting.join(30)
    assert holders(template) == {*KEPT, "c9"}


def test_who_has_a_damaged_one_open_goes_on_with_the_rescued(template: Path, opening: Opening) -> None:
    stores = [opening("sqlite", template) for _ in range(2)]
    add(stores[0], "c5")
    os.truncate(template / "leases.db-wal", 0)
    for _ in range(2):
        with pytest.raises(StoreFailure, match="leases rescue"):
            add(stores[1], "c6")
    rescue(str(template))
    for number, store in enumerate(stores):
        add(store, f"new-{number}")
    assert holders(template) >= {"new-0", "new-1"}


@pytest.mark.parametrize("is_settled", [False, True])
def test_what_is_sound_only_while_it_is_open_is_made_to_last(
    opening: Opening, tmp_path: Path, *, is_settled: bool
) -> None:
    """A frame that has a later one of its page is missed by nobody, until the log is read from its beginning."""
    place, later = tmp_path / "state", tmp_path / "later"
    store = opening("sqlite", place)
    for name in sorted(KEPT):
        add(store, name)
    with (place / "leases.db-wal").open("r+b") as log:
        log.seek(HEADER.size + FRAME.size)
        log.write(b"\xff")
    add(store, "c4")
    if is_settled:
        Held(str(place), "boot-1").settle()
    later.mkdir()
    for name in ("leases.db", "leases.db-wal"):  # who has it open ends: its index ends with it
        shutil.copyfile(place / name, later / name)
    assert (holders(later) == {*KEPT, "c4"}) == is_settled


def test_a_new_one_that_cannot_be_written_leaves_the_former_in_use(template: Path, opening: Opening) -> None:
    (template / "leases.db-unfinished").mkdir()
    with pytest.raises(StoreFailure, match="Is a directory"):
        rescue(str(template))
    add(opening("sqlite", template), "c9")
    assert holders(template) == {*KEPT, "c9"}


def test_a_copy_of_another_database_is_taken_only_where_that_was_seen_last(opening: Opening, tmp_path: Path) -> None:
    """Of one that was removed the copy of the day stays, with more changes than the one made since has."""
    place, nothing = tmp_path / "state", Seen("", 0, holds=False)
    former = opening("sqlite", place)
    for number in range(3):
        add(former, f"c{number}")
    former.close()
    copy = place / "leases.db.daily"
    (place / "leases.db").replace(copy)
    for each in place.glob("leases.db-*"):
        each.unlink()
    forget(str(place))
    add(opening("sqlite", place), "new")
    file, scratch = str(place / "leases.db"), str(tmp_path / "scratch")
    other = state_of(copy.read_bytes(), scratch)
    assert other is not None
    assert best_of(file, scratch, nothing).state.generation != other.generation
    assert best_of(file, scratch, nothing, other.generation).state == other
