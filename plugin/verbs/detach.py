"""Taking an attachment apart in the one order in which no address is free that an interface still has."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from conf.errors import CniError, IpamPluginMissing
from ipam.store.privilege import failure_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipam.lease import Owner
    from ipam.source import Source

log = logging.getLogger(__name__)


def detach(
    find: Callable[[], Source],
    owner: Owner,
    remove: Callable[[], object],
    failures: list[CniError],
    release: Callable[[Source], object] | None = None,
) -> None:
    """Have ``remove`` remove the interface, then free the addresses; what goes wrong is added to the failures.

    An interface that stays keeps its addresses. The source that ``find`` finds keeps no interface, whatever goes wrong
    with it; one that needs the interface is asked before. ``release`` stands for the source's own.
    """
    source: Source | None = None
    with collecting(failures):
        source = find()
        if source.before_link:
            source.hand_back(owner)
    before = len(failures)
    with collecting(failures):
        remove()
    if len(failures) > before:
        return
    if source is not None:
        with collecting(failures):
            release(source) if release else source.release(owner)


class collecting:  # noqa: N801 - as contextlib's, and called as one; a generator would cost a DEL four times as much
    """Go on after a failure, the system's refusals among them, but remember it."""

    def __init__(self, failures: list[CniError]) -> None:
        self._failures = failures

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        """Remember what was raised, if it is a failure."""
        if isinstance(error, OSError):
            error = failure_of(error)
        if isinstance(error, CniError):
            self._failures.append(error)
        return isinstance(error, CniError)


def worth_telling(failures: list[CniError], owner: Owner) -> list[CniError]:
    """The failures but for that of an IPAM plugin that cannot be asked, now or on any retry: the log has that one.

    The record stays, so that the plugin can be asked once it is there again.
    """
    for error in failures:
        if isinstance(error, IpamPluginMissing):
            log.warning("addresses of %s %s are left to GC: %s", owner.container_id, owner.ifname, error)
    return [error for error in failures if not isinstance(error, IpamPluginMissing)]
