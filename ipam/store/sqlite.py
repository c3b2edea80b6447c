"""The default store: one SQLite database for all networks of the node, ``leases.db`` in the state directory."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final

from conf.errors import CniError, StoreFailure, StoreTooNew, TryAgain
from ipam.store import history, migration, tables
from ipam.store.copies import DailyCopy
from ipam.store.flock import locked_directory
from ipam.store.guard import Guard
from ipam.store.opened import Opened, closed_on_error
from ipam.store.privilege import cure_of_refusal, root_or
from ipam.store.sqlite_errors import READ_ONLY, RESCUE, STATE_DIR, cure_of, is_busy, is_damage
from ipam.store.transaction import SqliteTransaction
from ipam.store.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG_LOG: Final = 4 << 20
"""Bytes of log after which a transaction moves it into the database: about two hundred transactions."""

SMALLEST: Final = 512
"""Bytes of the smallest page, hence of the smallest database; SQLite takes less for a new one."""

ATTEMPTS: Final = 8
"""How often the files may be replaced under one transaction that is about to begin."""

ONE_PAGE: Final = 4096
"""Bytes of a database whose schema is in the log alone, as earlier releases left it."""


class SqliteStore:
    """Leases and attachments in ``<state_dir>/leases.db``, which is made when it is first needed.

    The store may be kept and shared by threads, which take turns at its one connection. It must not be used on both
    sides of a fork. ``boot_id`` tells this boot from others; ``wait`` is how many seconds a transaction
    waits for others to end.
    """

    _consequence = "no address can be given until then; nothing was changed"

    def __init__(self, state_dir: str, boot_id: str, *, wait: float = 30.0) -> None:
        self._directory = os.fspath(state_dir)
        self._path = os.path.join(self._directory, "leases.db")
        self._boot_id = boot_id
        self._wait = wait
        self._opened: Opened | None = None
        self._guard = Guard(Witness(self._directory, boot_id))
        self._daily = DailyCopy(self._path)
        # SQLite makes those who wait for each other sleep; threads of one process can be woken.
        self._turn = threading.Lock()

    @contextmanager
    def transaction(self, network: str) -> Iterator[SqliteTransaction]:
        """Begin an exclusive transaction on the network (in fact on all of them)."""
        with self._exclusive() as connection:
            yield SqliteTransaction(connection, network, self._boot_id)

    def probe(self, network: str) -> None:
        """Raise what the next transaction would raise, and StoreFailure where a lease could not be written."""
        with self.transaction(network):
            # SQLite begins a transaction on a read-only disk, and refuses the first change.
            if not os.access(self._path, os.W_OK):
                raise self._failure("attempt to write a readonly database", root_or(READ_ONLY))

    def networks(self) -> list[str]:
        """Return the names of the networks that have attachments, in alphabetical order."""
        with self._exclusive() as connection:
            rows = connection.execute(
                "SELECT name FROM network WHERE id IN (SELECT network FROM attachment) ORDER BY name"
            )
            return [name for (name,) in rows]

    def close(self) -> None:
        """Close the connection, for processes that live longer than the store; see ``_trim``."""
        self._drop()

    @contextmanager
    def _exclusive(self) -> Iterator[sqlite3.Connection]:
        if not self._turn.acquire(timeout=self._wait):
            raise self._busy()
        try:
            try:
                connection = self._begun()
                before = connection.total_changes
                yield connection
                seen = history.advance(connection) if connection.total_changes != before else None
                connection.execute("COMMIT")
            finally:
                self._roll_back()
            if seen:
                self._guard.witness.note(seen)
                self._daily.make_if_due(connection)
                self._trim(connection)
        except sqlite3.Error as error:
            raise self._explained(error) from error
        finally:
            self._turn.release()

    def _begun(self) -> sqlite3.Connection:
        """Begin a transaction on the files that have the path then: an operator may put others there meanwhile."""
        for _ in range(ATTEMPTS):
            opened = self._opened = self._opened or self._open()
            with self._refusals():
                try:
                    opened.connection.execute("BEGIN IMMEDIATE")
                    if status := opened.current():
                        self._judge(opened, status)
                        return opened.connection
                except sqlite3.Error:
                    if opened.current():
                        raise
            self._roll_back()
            self._drop()
        raise self._failure("it is replaced again and again", STATE_DIR)

    def _roll_back(self) -> None:
        if self._opened and self._opened.connection.in_transaction:
            self._opened.connection.execute("ROLLBACK")

    def _judge(self, opened: Opened, status: os.stat_result) -> None:
        """Raise StoreFailure for a database that is damaged, or lacks what was seen of it in this boot.

        The connection stays: at a close SQLite would throw away what a rescue reads.
        """
        if not opened.is_judged and (loss := self._guard.loss(opened.connection)):
            raise self._failure(loss, RESCUE)
        if damage := self._guard.damage(opened.connection, status):
            raise self._failure(f"it is damaged: {damage}", RESCUE)
        opened.is_judged = True

    def _refuse_loss(self) -> None:
        """Raise StoreFailure where a database without anything in it has had attachments in this boot."""
        with self._refusals():
            if self._guard.is_missed():
                raise self._failure("it had leases before, and is missing or empty", RESCUE)

    def _drop(self) -> None:
        opened, self._opened = self._opened, None
        if opened:
            opened.close(self._guard.witness.trusts)
        self._guard.witness.close()

    def _look(self) -> os.stat_result | None:
        """As ``_status``, but a log without its database raises StoreFailure.

        SQLite itself takes an empty or missing file for a new database, and throws its log away.
        """
        status = self._status()
        if status is None or status.st_size == 0:
            logged = os.path.exists(f"{self._path}-wal")
            # Asked again: a maker writes the database before the log, and may have done both in between.
            status = self._status()
            if logged and (status is None or status.st_size == 0):
                text = "it is missing" if status is None else "it is empty"
                raise self._failure(f"{text} and its log {self._path}-wal is there", RESCUE)
        return status

    def _status(self) -> os.stat_result | None:
        """Return the file's status, None if it is not there."""
        with self._refusals(), suppress(FileNotFoundError):
            status = os.stat(self._path)
            if 0 < status.st_size < SMALLEST:
                raise self._failure("it is cut off", RESCUE)
            return status
        return None

    def _open(self) -> Opened:
        """Connect to the database, having made it if need be."""
        self._guard.witness.close()  # another may be in its place as well
        status = self._status()
        if status and status.st_size:
            return self._opened_at(status, self._maker)
        # Nobody looks into it before it is made: under others' eyes it could not be switched to a log.
        with self._maker():
            return self._opened_at(os.stat(self._path), nullcontext)

    def _opened_at(self, status: os.stat_result, maker: Callable[[], AbstractContextManager[None]]) -> Opened:
        connection = self._connect()
        with closed_on_error(connection):
            if not self._is_complete(connection):
                with maker():
                    self._complete(connection)
            elif status.st_size <= ONE_PAGE:
                self._move_into_file(connection)
            if not os.path.exists(f"{self._path}-wal"):
                with maker():
                    self._begin_log(connection)
            migration.bring_up_to_date(connection)
            return Opened.at(self._path, connection, status)

    @contextmanager
    def _maker(self) -> Iterator[None]:
        """Be the only process that makes the database, or completes one whose maker was killed, or replaces it."""
        with self._refusals(), locked_directory(self._directory, self._wait):
            if self._look() is None:
                self._refuse_loss()
                # SQLite would make it readable for all. Its other files take the mode of this one.
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            yield

    def _connect(self, mode: str = "rw") -> sqlite3.Connection:
        name = self._path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        # Threads take turns at it, so that which of them uses it does not matter.
        connection = sqlite3.connect(
            f"file:{name}?mode={mode}", uri=True, timeout=self._wait, isolation_level=None, check_same_thread=False
        )
        with closed_on_error(connection):
            if sys.version_info >= (3, 12):
                connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE)  # see _trim
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")  # as above
        return connection

    def _is_complete(self, connection: sqlite3.Connection) -> bool:
        """Tell a finished database from one without anything in it; raises when it is neither."""
        # One look at all of it: somebody may complete it between two.
        connection.execute("BEGIN")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        table = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        connection.execute("COMMIT")
        if application == tables.APPLICATION_ID and version > tables.VERSION:
            text = f"lease database {self._path}: schema {version} is newer than {tables.VERSION}, the one known here"
            raise StoreTooNew(f"{text}; install the version of cni-macvlan-py that wrote it", "nothing was changed")
        if (application != tables.APPLICATION_ID or version < 1) and (application or version or table):
            raise self._failure(f"it belongs to another program (application_id {application:#x})", RESCUE)
        return bool(version)

    def _complete(self, connection: sqlite3.Connection) -> None:
        """Make the tables, unless another maker has made them while this one waited."""
        if self._is_complete(connection):
            return
        self._refuse_loss()
        self._begin_log(connection)
        connection.execute("BEGIN IMMEDIATE")
        for statement in tables.STATEMENTS:
            connection.execute(statement)
        connection.execute("COMMIT")
        self._move_into_file(connection)

    def _begin_log(self, connection: sqlite3.Connection) -> None:
        """Have changes go to a log; a copy that somebody has put here (``copies.copy``) has none."""
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise self._failure(f"its file system cannot do WAL ({mode})", "put state_dir on a local disk")

    def _move_into_file(self, connection: sqlite3.Connection) -> None:
        """Empty the log: one that is lost must not leave a file that looks as if nothing had ever been in it."""
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._guard.witness.trust(os.stat(self._path))

    def _trim(self, connection: sqlite3.Connection) -> None:
        """Move a long log into the database; where others are busy with either, their own transactions will.

        What happens to the log is decided here and not by SQLite's defaults. Its last close would move the log, sync
        twice and remove two files in every single process: 2 ms where a sync takes 0.15 ms, far more on most disks.
        But without that, each process that finds the database unopened reads the log to its end (2 us for each page
        of 4 KiB) and no longer knows which part of it was moved, so that SQLite's own checkpoints repeat themselves
        and the log only grows. So: leave the connection open, end the process, and empty the log at a length that is
        read in two milliseconds: shorter ones are emptied so often that one transaction in twenty waits for the disk.
        """
        # The lease is committed: neither another's lock nor a full disk may make the verb fail now.
        with suppress(sqlite3.Error, OSError):
            if os.stat(f"{self._path}-wal").st_size < LONG_LOG:
                return
            connection.execute("PRAGMA busy_timeout = 0")
            self._move_into_file(connection)
        connection.execute(f"PRAGMA busy_timeout = {round(self._wait * 1000)}")

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Report what the system refuses."""
        try:
            yield
        except OSError as error:
            raise self._failure(str(error), cure_of_refusal(error, STATE_DIR)) from error

    def _explained(self, error: sqlite3.Error) -> CniError:
        if is_busy(error):
            return self._busy()
        if not is_damage(error):  # else see _judge
            self._drop()
        return self._failure(str(error), cure_of(error))

    def _busy(self) -> TryAgain:
        text = f"the lease database {self._path} has been busy for {self._wait:g} s; call again"
        return TryAgain(text, "another process is in a transaction that does not end")

    def _failure(self, what: str, cure: str) -> StoreFailure:
        files = f"{self._path} and its -wal and -shm files"
        text = f"lease database {self._path}: {what}; {cure.format(files=files)}"
        return StoreFailure(text, self._consequence)
