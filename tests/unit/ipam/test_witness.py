"""What was seen of a database is told from what was not: by every path, by who comes late, and by who lacks means."""

from __future__ import annotations

import gc
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.errors import StoreFailure
from ipam.store import witness
from ipam.store.sqlite import SqliteStore
from ipam.store.witness import Seen, Witness, forget, place_of
from tests.unit.ipam.builders import NETWORK, owner
from tests.unit.ipam.crashes import add

Opening = Callable[..., SqliteStore]
BOOT = "boot-1"


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def test_who_notes_late_does_not_hide_what_came_after(place: str) -> None:
    first, second = Witness(place, BOOT), Witness(place, BOOT)
    second.note(Seen("g", 6, holds=True))
    first.note(Seen("g", 5, holds=False))
    assert first.seen() == Seen("g", 6, holds=True)
    first.note(Seen("another", 1, holds=True))
    assert second.seen() == Seen("another", 1, holds=True)
    assert Witness(place, "boot-2").seen() is None


def test_one_directory_has_one_witness(opening: Opening, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "state")
    add(opening("sqlite", tmp_path / "link"), "c1")
    for each in (tmp_path / "state").iterdir():
        each.unlink()
    with pytest.raises(StoreFailure, match="it had leases before"):
        add(opening("sqlite", tmp_path / "state"), "c2")


def test_where_run_cannot_be_written_it_is_beside_the_database(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").touch()
    monkeypatch.setattr(witness, "DIRECTORY", str(tmp_path / "run"))
    store = opening("sqlite", tmp_path / "state")
    add(store, "c1")
    assert (tmp_path / "state" / "leases.db-seen").stat().st_mode & 0o777 == 0o600
    store.close()
    older = (tmp_path / "state" / "leases.db").read_bytes()
    add(store, "c2")
    store.close()
    for each in (tmp_path / "state").glob("leases.db-???"):
        each.unlink()
    (tmp_path / "state" / "leases.db").write_bytes(older)
    with pytest.raises(StoreFailure, match="changes are lost"):
        add(store, "c3")
    forget(str(tmp_path / "state"))
    assert not (tmp_path / "state" / "leases.db-seen").exists()


def test_an_empty_one_that_went_back_hides_no_later_loss(opening: Opening, tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    store = opening("sqlite", state)
    for name in ("c1", "c2", "c3"):
        add(store, name)
        with store.transaction(NETWORK) as tx:
            tx.forget(owner(name))
        store.close()
        if not copy.exists():
            shutil.copyfile(state / "leases.db", copy)
    for each in state.glob("leases.db*"):
        each.unlink()
    shutil.copyfile(copy, state / "leases.db")
    add(store, "c4")  # nothing was attached
    store.close()
    for each in state.glob("leases.db*"):
        each.unlink()
    with pytest.raises(StoreFailure, match="it had leases before"):
        add(store, "c5")


def test_who_kept_a_log_does_not_save_it_to_an_older_file(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    store = opening("sqlite", state)
    with monkeypatch.context() as patch:
        patch.setattr("ipam.store.sqlite.LONG_LOG", 0)  # all of it is moved into the file
        add(store, "c1")
        shutil.copyfile(state / "leases.db", copy)
        add(store, "c2")
    add(store, "c3")
    shutil.copyfile(copy, state / "leases.db")
    (state / "leases.db-wal").unlink()
    (state / "leases.db-shm").unlink()
    for _ in range(2):
        with pytest.raises(StoreFailure, match="changes are lost"):
            add(store, "c4")


def test_a_damaged_one_has_seen_nothing(place: str) -> None:
    seen = Witness(place, BOOT)
    seen.note(Seen("g", 6, holds=True))
    Path(place_of(place)).write_bytes(b"\xff" * 600)
    assert seen.seen() is None
    assert not seen.trusts(Path("/").stat())


def test_who_has_no_descriptor_left_is_not_told_that_nothing_was_seen(place: str) -> None:
    """A database that lost its log would be opened all the same."""
    Witness(place, BOOT).note(Seen("g", 6, holds=True))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/", os.O_RDONLY)
    os.close(lowest)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
        with pytest.raises(OSError, match="Too many open files"):
            Witness(place, BOOT).seen()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_store_that_is_dropped_leaves_no_descriptor(tmp_path: Path) -> None:
    """As an agent drops the one that was used least, where its callers have many state directories."""
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(3):
        add(SqliteStore(str(tmp_path / str(number)), BOOT), "c1")
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
