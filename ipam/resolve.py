"""Which source serves an ``ipam.type``: this process, or the executable of that name in CNI_PATH."""

from __future__ import annotations

import logging
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conf.document import remembering
from conf.errors import CniError, InvalidNetworkConfig, IpamPluginMissing
from conf.ipam_config import BUILT_IN, HOST_LOCAL, IPV6, POOL, STATIC, IpamConfig
from conf.link_config import LEAST_MTU_IPV6
from conf.versions import FORMS
from ipam.in_process import DatabasePool, DirectoryPool, Layer2, Static
from ipam.patience import Patience
from ipam.ranges import range_sets
from ipam.source import HeldElsewhere, Source
from ipam.static import assigned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conf.document import Document
    from conf.environment import Environment
    from conf.link_config import LinkConfig
    from conf.request import Request
    from ipam.lease import Assignment, Attachment
    from ipam.ranges import RangeSet
    from ipam.store.sqlite import SqliteStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Means:
    """What a call has to serve any ``ipam.type`` with.

    ``executable`` is the path that this process was called by. ``patience`` is for what is executed, ``before_link``
    the types of those that need the interface to take their addresses back.
    """

    store: SqliteStore
    executable: str
    patience: Patience
    before_link: tuple[str, ...] = ()


def source_for(request: Request, means: Means) -> Source:
    """The source of a valid configuration.

    Raises InvalidNetworkConfig, InvalidEnvironment or IpamPluginFailure; nothing is touched.
    """
    if not request.ipam_type:
        return Layer2(means.store)
    path = _somebody_elses(request.ipam_type, request.environment.path, means.executable)
    if path is not None or request.ipam_type not in BUILT_IN:
        return _delegate(request, path, means)
    return built_in(request, means.store)


def built_in(request: Request, store: SqliteStore) -> Source:
    """The source of an ``ipam.type`` that is ours, whatever CNI_PATH holds. Raises as ``source_for``."""
    config, sets = read_built_in(request)
    if config.type == STATIC:
        return Static(store, config)
    if config.type == POOL:
        return DatabasePool(store, sets, config)
    return _directory_pool(sets, config, store)


def read_built_in(request: Request) -> tuple[IpamConfig, tuple[RangeSet, ...]]:
    """The ``ipam`` object of a type that is ours, with its range sets. Raises as ``source_for``."""
    from conf.ipam import read_ipam  # noqa: PLC0415 - pydantic takes 60 ms to import, and DEL does without

    config = read_ipam(request)
    sets = () if config.type == STATIC else _range_sets(request, config)
    given = [each.address for each in assigned(config)] if config.type == STATIC else sets
    families = [each.version for each in given]
    _require_expressible(request.version, families)
    _require_ipv6_fits(request.link, families)
    return config, sets


def _range_sets(request: Request, config: IpamConfig) -> tuple[RangeSet, ...]:
    return range_sets(config.ranges) if request.runtime_ranges else _configured_sets(request.document)


@remembering
def _configured_sets(document: Document) -> tuple[RangeSet, ...]:
    """The range sets of a valid document, with all that they find out about themselves in one call for the next."""
    from conf.ipam import ranges_of  # noqa: PLC0415 - as above

    return range_sets(ranges_of(document))


def acquire(  # noqa: PLR0913 - what is asked for, of whom, and what for
    source: Source,
    attachment: Attachment,
    environment: Environment,
    means: Means,
    *,
    replace: bool,
    require_gone: Callable[[Attachment], None] | None = None,
) -> Assignment:
    """The source's ``acquire``, before which is freed what a record of the attachment leads to in other places.

    ``require_gone`` raises for the record of an interface that is still there, in another namespace.
    An executed plugin that does not take it back keeps no container from its addresses: the log has what it answered.
    """
    try:
        return source.acquire(attachment, replace=replace)
    except HeldElsewhere as held:
        former = held.former
    if require_gone is not None and former.netns_id != attachment.netns_id:
        require_gone(former)
    try:
        place = source_of_record(former, environment, None, means)
        place.passed_on = source.passed_on
        place.release(former.owner)
    except CniError as error:
        if not former.executed:
            raise
        log.warning("what %s %s was given before is left: %s", former.owner.container_id, former.owner.ifname, error)
    return source.acquire(attachment, replace=replace, over=former)


def source_for_release(request: Request, known: Attachment | None, means: Means) -> Source:
    """What frees an attachment's addresses: what ADD recorded of it, else what the configuration, broken or not, says.

    Raises IpamPluginFailure for a name that is no file name, and as ``source_of_record``.
    """
    if known is not None:
        return source_of_record(known, request.environment, request.document, means)
    if request.ipam_type in {"", POOL, STATIC}:
        return Layer2(means.store)
    path = _somebody_elses(request.ipam_type, request.environment.path, means.executable)
    if path is not None or request.ipam_type != HOST_LOCAL:
        return _delegate(request, path, means)
    return _directory_pool((), IpamConfig(HOST_LOCAL, data_dir=_data_dir(request)), means.store)


def source_of_record(known: Attachment, environment: Environment, document: Document | None, means: Means) -> Source:
    """What frees a recorded attachment's addresses, in a call with this environment and configuration.

    Raises IpamPluginMissing where nothing tells how an executed plugin was configured.
    """
    if not known.executed:
        if not known.ipam_dir:
            return Layer2(means.store)
        return _directory_pool((), IpamConfig(HOST_LOCAL, data_dir=known.ipam_dir), means.store)
    from ipam.delegation import deletion_of  # noqa: PLC0415 - no need of it for the other sources

    deletion = deletion_of(known, environment, document)
    path = _somebody_elses(known.ipam, deletion.environment.path, means.executable)
    if path is None and known.ipam in BUILT_IN:
        return source_for_release(deletion, None, means)  # our own executable has taken the name over since
    return _delegate(deletion, path, means)


def _data_dir(request: Request) -> str:
    """The directory of the host-local role as far as the configuration tells; ADD takes no relative one."""
    configured = next((value for key, value in request.ipam.items() if key.lower() == "datadir"), None)
    if isinstance(configured, str) and configured.startswith("/"):
        return configured
    return IpamConfig.data_dir


def _somebody_elses(ipam_type: str, directories: Sequence[str], executable: str) -> str | None:
    """The path of an executable of that name which is not this one; None where this process is to serve it."""
    if ipam_type in {"", POOL}:
        return None
    path = find_in_path(ipam_type, directories)
    if path is None or _is_same(path, executable):
        return None
    return path


def _is_same(path: str, executable: str) -> bool:
    try:
        return Path(path).samefile(executable)
    except OSError:
        # We are no longer where we were called: an upgrade is under way, and the other name may be ours too.
        return Path(path).resolve().name == Path(executable).resolve().name


def _directory_pool(sets: tuple[RangeSet, ...], config: IpamConfig, store: SqliteStore) -> Source:
    from ipam.store.files import FilesStore  # noqa: PLC0415 - no need of it for the other sources

    return DirectoryPool(store, FilesStore(config.data_dir), sets, config)


def _delegate(request: Request, path: str | None, means: Means) -> Source:
    from ipam.delegate import Delegate  # noqa: PLC0415 - subprocess takes 10 ms to import

    before_link = request.ipam_type in means.before_link
    return Delegate(request, path, means.store, means.patience, before_link=before_link)


def find_in_path(plugin: str, directories: Sequence[str]) -> str | None:
    """The plugin's file in the first directory that has it; None if none has. Raises IpamPluginMissing."""
    if "/" in plugin or "\0" in plugin:
        raise IpamPluginMissing(
            f'invalid plugin name: {plugin}; "ipam.type" is the name of a file in CNI_PATH, without a directory',
            "",
            "ipam.type",
        )
    for directory in directories:
        candidate = Path(directory, plugin)
        try:
            if stat.S_ISREG(candidate.stat().st_mode):
                return str(candidate)
        except OSError:  # not there, or not for us to see: the next directory may have it
            continue
    return None


def _require_ipv6_fits(link: LinkConfig, families: list[int]) -> None:
    if IPV6 in families and 0 < link.mtu < LEAST_MTU_IPV6:
        raise InvalidNetworkConfig(
            f'"mtu" is {link.mtu}, and IPv6 needs {LEAST_MTU_IPV6}; raise "mtu", or give no IPv6 address',
            "the kernel has no IPv6 on an interface with less (RFC 8200, section 5)",
            "mtu",
        )


def _require_expressible(version: str, families: list[int]) -> None:
    if FORMS[version] == "ip4-ip6" and any(families.count(family) > 1 for family in families):
        raise InvalidNetworkConfig(
            f"CNI version {version} does not support more than 1 address per family; "
            'raise "cniVersion", or give one address of each family',
            "results of 0.1.0 and 0.2.0 hold one ip4 and one ip6",
            "cniVersion",
        )
