"""Where an attachment's addresses come from: one interface over the pool, the host-local directory, static and none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from conf.errors import CniError, PoolExhausted, Unavailable
from ipam import pool, static
from ipam.lease import Assignment
from ipam.reclaim import forget_invalid
from ipam.resolv_conf import read_resolv_conf

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from netaddr import IPAddress

    from conf.addresses import Dns, IpamConfig, Route
    from ipam.lease import Attachment, Owner
    from ipam.ranges import RangeSet
    from ipam.store import Register, Transaction
    from ipam.store.files import FilesStore
    from ipam.store.sqlite import SqliteStore


class Source(Protocol):
    """One way to serve ``ipam.type``. All but ``acquire`` may be called again without harm.

    ``directory`` is the host-local directory that holds its leases, "" for none. ``passed_on`` are descriptors that a
    process executed for it inherits: the lock of the container's namespace then outlives a caller that is killed.
    ``executed`` tells whether there is such a process; it may look for the interface, and bring it up.
    ``routes`` are those that the configuration asks for, None where only the ADD of such a process tells.
    """

    directory: str
    passed_on: tuple[int, ...]
    executed: bool
    routes: tuple[Route, ...] | None

    def acquire(self, attachment: Attachment, *, replace: bool) -> Assignment:
        """Record the attachment and give it addresses, as far as that is possible before there is an interface.

        ``replace`` frees first what the owner holds. Leaves nothing behind when it raises.
        """

    def complete(self, assignment: Assignment) -> Assignment:
        """Give what can only be given to an interface; where it raises, ``release`` frees what was given."""

    def release(self, owner: Owner) -> None:
        """Free what the owner holds and forget it."""

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:
        """Raise CheckFailure unless the owner still holds these addresses."""

    def status(self, network: str) -> None:
        """Raise Unavailable where the next ``acquire`` would fail, PoolExhausted where for want of addresses."""

    def sweep(self, network: str, valid: Collection[tuple[str, str]] | None) -> int:
        """Free what is held by none of these (container id, ifname); None: nothing is known to be invalid.

        Returns how many owners were found that way, without those that only a reboot left behind.
        """


class Layer2:
    """No addresses: the attachment is recorded, for GC, and that is all."""

    directory = ""
    passed_on: tuple[int, ...] = ()
    executed = False
    routes: tuple[Route, ...] | None = ()

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def acquire(self, attachment: Attachment, *, replace: bool) -> Assignment:  # noqa: ARG002 - nothing to replace
        """Record the attachment."""
        with self._store.transaction(attachment.owner.network) as tx:
            pool.void_earlier_boot(tx, tx)
            tx.record(attachment)
        return Assignment()

    def complete(self, assignment: Assignment) -> Assignment:
        """All is given already."""
        return assignment

    def release(self, owner: Owner) -> None:
        """Forget the attachment, with all that the database holds for it."""
        with self._store.transaction(owner.network) as tx:
            tx.forget(owner)

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:
        """Nothing was given."""

    def status(self, network: str) -> None:
        """Raise Unavailable where the database cannot be used."""
        _require_store(self._store, network)

    def sweep(self, network: str, valid: Collection[tuple[str, str]] | None) -> int:
        """Forget attachments that are not valid, and with them their leases."""
        return forget_invalid(self._store, network, valid)


class Static(Layer2):
    """The addresses of the configuration."""

    def __init__(self, store: SqliteStore, config: IpamConfig) -> None:
        super().__init__(store)
        self.routes = config.routes
        self._config = config

    def acquire(self, attachment: Attachment, *, replace: bool) -> Assignment:
        """Record the attachment; its addresses are given already."""
        super().acquire(attachment, replace=replace)
        return Assignment(static.assigned(self._config), self._config.routes, self._config.dns)

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:  # noqa: ARG002 - nobody holds a static address
        """Raise CheckFailure where the configured addresses are not those of ADD."""
        static.check(self._config, addresses)


class DatabasePool(Layer2):
    """The built-in pool: leases and attachments in one database, one transaction per verb."""

    def __init__(self, store: SqliteStore, range_sets: tuple[RangeSet, ...], config: IpamConfig) -> None:
        super().__init__(store)
        self.routes = config.routes
        self._range_sets = range_sets
        self._config = config

    def acquire(self, attachment: Attachment, *, replace: bool) -> Assignment:
        """One address of each range set."""
        dns = _dns(self._config)
        with self._store.transaction(attachment.owner.network) as tx:
            pool.void_earlier_boot(tx, tx)
            tx.record(attachment)
            addresses = pool.acquire(tx, attachment, self._range_sets, self._config.requested, replace=replace)
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
        self.routes = config.routes
        self._files = files
        self._range_sets = range_sets
        self._config = config

    def acquire(self, attachment: Attachment, *, replace: bool) -> Assignment:
        """One address of each range set.

        The attachment is recorded first: a process that dies between the two leaves a record that leads to the lease.
        """
        dns = _dns(self._config)
        owner = attachment.owner
        with self._store.transaction(owner.network) as register:
            gone = self._of_earlier_boot(register)
            register.record(attachment)
            register.note_pools(self.directory, self._range_sets)
        try:
            with self._files.transaction(owner.network) as tx:
                for each in gone:
                    tx.release(each.owner)
                addresses = pool.acquire(tx, attachment, self._range_sets, self._config.requested, replace=replace)
        except BaseException:
            super().release(owner)
            raise
        if gone:
            with self._store.transaction(owner.network) as register:
                for each in gone:
                    register.forget(each.owner)
        return Assignment(addresses, self._config.routes, dns)

    def release(self, owner: Owner) -> None:
        """Free the owner's files, then forget it."""
        with self._files.transaction(owner.network) as tx:
            tx.release(owner)
        super().release(owner)

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

    def sweep(self, network: str, valid: Collection[tuple[str, str]] | None) -> int:
        """Free what is not valid in the directory, whichever program put it there."""
        if valid is None:
            return 0
        with self._files.transaction(network) as tx:
            swept = pool.sweep(tx, valid)
        return forget_invalid(self._store, network, valid, swept)


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
