"""Which source serves an ``ipam.type``: this process, or the executable of that name in CNI_PATH."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conf.addresses import BUILT_IN, HOST_LOCAL, POOL, STATIC, IpamConfig
from conf.errors import InvalidNetworkConfig, IpamPluginMissing
from conf.versions import FORMS
from ipam.ranges import range_sets
from ipam.source import DatabasePool, DirectoryPool, Layer2, Source, Static
from ipam.static import assigned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conf.request import Request
    from ipam.lease import Attachment
    from ipam.ranges import RangeSet
    from ipam.store.sqlite import SqliteStore


@dataclass(frozen=True)
class Means:
    """What a call has to serve any ``ipam.type`` with.

    ``executable`` is the path that this process was called by, ``delegate_timeout`` the seconds that another may take.
    """

    store: SqliteStore
    executable: str
    delegate_timeout: float


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
    sets = () if config.type == STATIC else range_sets(config.ranges)
    given = [each.address for each in assigned(config)] if config.type == STATIC else sets
    _require_expressible(request.version, [each.version for each in given])
    return config, sets


def source_for_release(request: Request, known: Attachment | None, means: Means) -> Source:
    """What can free an attachment's addresses when the configuration may be broken.

    ``known`` is what ADD recorded. Raises IpamPluginFailure for a name that is no file name.
    """
    ipam_type = request.ipam_type or (known.ipam if known else "")
    if ipam_type in {"", POOL, STATIC}:
        return Layer2(means.store)
    path = _somebody_elses(ipam_type, request.environment.path, means.executable)
    if path is not None or ipam_type != HOST_LOCAL:
        return _delegate(request, path, means)
    return _directory_pool((), IpamConfig(HOST_LOCAL, data_dir=_data_dir(request, known)), means.store)


def _data_dir(request: Request, known: Attachment | None) -> str:
    """The directory of the host-local role as far as configuration and record tell."""
    configured = next((value for key, value in request.ipam.items() if key.lower() == "datadir"), None)
    if isinstance(configured, str) and configured:
        return configured
    return (known.ipam_dir if known else "") or IpamConfig.data_dir


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

    return Delegate(request, path, means.store, means.delegate_timeout)


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


def _require_expressible(version: str, families: list[int]) -> None:
    if FORMS[version] == "ip4-ip6" and any(families.count(family) > 1 for family in families):
        raise InvalidNetworkConfig(
            f"CNI version {version} does not support more than 1 address per family; "
            'raise "cniVersion", or give one address of each family',
            "results of 0.1.0 and 0.2.0 hold one ip4 and one ip6",
            "cniVersion",
        )
