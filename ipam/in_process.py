"""The sources that this process serves itself: no addresses, the configuration's, the pool's on either store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import CniError, PoolExhausted, Unavailable
from ipam import pool, static
from ipam.lease import Assignment
from ipam.resolv_conf import read_resolv_conf
from ipam.source import take_over

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from netaddr import IPAddress

    from conf.ipam_config import Dns, IpamConfig, Route
    from ipam.lease import Attachment, Owner
    from ipam.ranges import RangeSet
    from ipam.store import Register, Transaction
    from ipam.store.files import FilesStore, Mark
    from ipam.store.sqlite import SqliteStore


class Layer2:
    """No addresses: the attachment is recorded, for GC, and that is all."""

    directory = ""
    passed_on: tuple[int, ...] = ()
    executed = False
    before_link = False
    routes: tuple[Route, ...] | None = ()

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def acquire(self, attachment: Attachment, *, replace: bool, over: Attachment | None = None) -> Assignment:
        """Record the attachment."""
        with self._store.transaction(attachment.owner.network) as tx:
            pool.void_earlier_boot(tx, tx)
            take_over(tx, attachment, replace=replace, over=over)
        return Assignment()

    def complete(self, assignment: Assignment) -> Assignment:
        """All is given already."""
        return assignment

    def hand_back(self, owner: Owner) -> bool:  # noqa: ARG002 - no owner has anything there
        """All is in the database."""
        return True

    def release(self, owner: Owner) -> None:
        """Forget the attachment, with all that is held for it."""
        self.hand_back(owner)
        with self._store.transaction(owner.network) as tx:
            tx.forget(owner)

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:
        """Nothing was given."""

    def status(self, network: str) -> None:
        """Raise Unavailable where the database cannot be used."""
        _require_store(self._store, network)

    def held(self, network: str) -> Mapping[str, Mark]:  # noqa: ARG002 - as above
        """All is in the database."""
        return {}

    def sweep(self, network: str, valid: Collection[tuple[str, str]] | None, held: Mapping[str, Mark]) -> int:  # noqa: ARG002 - as above
        """All is in the database."""
        return 0


class Static(Layer2):
    """The addresses of the configuration."""

    def __init__(self, store: SqliteStore, config: IpamConfig) -> None:
        super().__init__(store)
        self._config = config
        self.routes = config.routes

    def acquire(self, attachment: Attachment, *, replace: bool, over: Attachment | None = None) -> Assignment:
        """Record the attachment; its addresses are given already."""
        super().acquire(attachment, replace=replace, over=over)
        return Assignment(static.assigned(self._config), self._config.routes, self._config.dns)

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:  # noqa: ARG002 - nobody holds a static address
        """Raise CheckFailure where the configured addresses are not those of ADD."""
        static.check(self._config, addresses)


class DatabasePool(Layer2):
    """The built-in pool: leases and attachments in one database, one transaction per verb."""

    def __init__(self, store: SqliteStore, range_sets: tuple[RangeSet, ...], config: IpamConfig) -> None:
        super().__init__(store)
        self._range_sets = range_sets
        self._config = config
        self.routes = config.routes

    def acquire(self, attachment: Attachment, *, replace: bool, over: Attachment | None = None) -> Assignment:
        """One address of each range set."""
        dns = _dns(self._config)
        with self._store.transaction(attachment.owner.network) as tx:
            pool.void_earlier_boot(tx, tx)
            take_over(tx, attachment, replace=replace, over=over)
            # What a former record held is free by now.
            addresses = pool.acquire(tx, attachment, self._range_sets, self._config.requested, replace=False)
            tx.note_pools(self.directory, self._range_sets)
        return Assignment(addresses, self._config.routes, dns)

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:
        """Raise CheckFailure unless these addresses are leased to the owner."""
        with self._store.transaction(owner.network) as tx:
            pool.check(tx, owner, addresses)

    def status(self, network: str) -> None:
        """Raise Unavailable for a database that cannot be used, PoolExhausted where none is free in a range set."""
        _require_store(self._store, network)
        with self._store.transaction(network) as tx:
            pool.void_earlier_boot(tx, tx)
            tx.note_pools(self.directory, self._range_sets)
        with self._store.transaction(network) as tx:
            _require_free(tx, self._range_sets)


class DirectoryPool(Layer2):
    """The host-local role: leases in its directory, attachments in the database."""

    def __init__(
        self, store: SqliteStore, files: FilesStore, range_sets: tuple[RangeSet, ...], config: IpamConfig
    ) -> None:
        super().__init__(store)
        self.directory = config.data_dir
        self._files = files
        self._range_sets = range_sets
        self._config = config
        self.routes = config.routes

    def acquire(self, attachment: Attachment, *, replace: bool, over: Attachment | None = None) -> Assignment:
        """One address of each range set.

        The attachment is recorded first: a process that dies between the two leaves a record that leads to the lease.
        """
        dns = _dns(self._config)
        owner = attachment.owner
        with self._store.transaction(owner.network) as register:
            gone = self._of_earlier_boot(register)
            former = take_over(register, attachment, replace=replace, over=over)
            register.note_pools(self.directory, self._range_sets)
        try:
            with self._files.transaction(owner.network) as tx:
                for each in gone:
                    tx.release(each.owner)
                addresses = pool.acquire(tx, attachment, self._range_sets, self._config.requested, replace=replace)
        except BaseException:
            with self._store.transaction(owner.network) as register:
                if former is None:
                    register.forget(owner)
                else:  # what it leads to is as it was
                    register.record(former)
            raise
        if gone:
            with self._store.transaction(owner.network) as register:
                for each in gone:
                    if register.attachment(each.owner) == each:
                        register.forget(each.owner)
        return Assignment(addresses, self._config.routes, dns)

    def hand_back(self, owner: Owner) -> bool:
        """Free the owner's files."""
        with self._files.transaction(owner.network) as tx:
            tx.release(owner)
        return True

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:
        """Raise CheckFailure unless the owner's files are there."""
        with self._files.transaction(owner.network) as tx:
            pool.check(tx, owner, addresses)

    def status(self, network: str) -> None:
        """Raise Unavailable for a directory that cannot be used, PoolExhausted where none is free in a range set."""
        _require_store(self._store, network)
        _require_store(self._files, network)
        with self._store.transaction(network) as register:
            gone = self._of_earlier_boot(register)
            register.note_pools(self.directory, self._range_sets)
        with self._files.transaction(network) as tx:
            for each in gone:
                tx.release(each.owner)
            _require_free(tx, self._range_sets)

    def _of_earlier_boot(self, register: Register) -> list[Attachment]:
        return [each for each in register.earlier_boot() if each.ipam_dir == self.directory]

    def held(self, network: str) -> Mapping[str, Mark]:
        """The directory's files."""
        with self._files.transaction(network) as tx:
            return tx.marks()

    def sweep(self, network: str, valid: Collection[tuple[str, str]] | None, held: Mapping[str, Mark]) -> int:
        """Free what is not valid in the directory, whichever program put it there."""
        if valid is None:
            return 0
        with self._files.transaction(network) as tx:
            tx.keep_but(held)
            return len(pool.sweep(tx, valid))


def _dns(config: IpamConfig) -> Dns:
    """The settings of ``ipam.dns``, with those of ``ipam.resolvConf`` behind them."""
    return config.dns.merged(read_resolv_conf(config.resolv_conf)) if config.resolv_conf else config.dns


def _require_store(store: SqliteStore | FilesStore, network: str) -> None:
    try:
        store.probe(network)
    except CniError as error:
        raise Unavailable(error.msg, error.details) from error


def _require_free(tx: Transaction, range_sets: Sequence[RangeSet]) -> None:
    for range_set in range_sets:
        if tx.next_free(range_set) is None:
            raise PoolExhausted(
                f"no IP addresses available in range set: {range_set.key}; "
                "widen the range, or let GC free what no container uses",
                f"all {range_set.capacity} addresses are given",
            )
