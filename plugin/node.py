"""What a call finds on the node: settings, the lease database, the executable, and whether it was told to stop."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from conf.errors import InvalidSettings, TryAgain
from conf.settings import DEFAULT_PATH, Settings, parse_settings
from ipam.lease import Attachment, Owner
from ipam.patience import Patience
from ipam.regular import read_regular
from ipam.resolve import Means
from ipam.store.privilege import cure_of_refusal
from ipam.store.sqlite import SqliteStore
from link import locks
from link.netns import Namespace, open_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conf.request import Request

MOST_SETTINGS = 1 << 16  # bytes; the file has a dozen keys at the most
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Node:
    """The surroundings of one call: ``executable`` is the path that we were called by, ``terminated`` whether to stop.

    ``open_namespace`` opens a path where the caller stands, ``open_store`` the database of a state directory and boot.
    ``tell_leaks`` is told how many leaks GC found, and how many of them it repaired.
    """

    settings: Settings
    executable: str
    terminated: Callable[[], bool]
    open_namespace: Callable[[str], Namespace] = open_namespace
    open_store: Callable[[str, str], SqliteStore] = SqliteStore
    tell_leaks: Callable[[int, int], None] = lambda found, repaired: None  # noqa: ARG005 - nobody asks a process

    @property
    def boot_id(self) -> str:
        """As ``boot_id`` says."""
        return boot_id()

    @cached_property
    def store(self) -> SqliteStore:
        """The node's database, opened at its first use."""
        return self.open_store(self.settings.state_dir, self.boot_id)

    @cached_property
    def homes(self) -> Mapping[str, str]:
        """As ``link.homes`` finds them: where namespaces can be opened, by their identity."""
        from link.homes import homes  # noqa: PLC0415 - for a record that leads nowhere any more

        return homes()

    @property
    def means(self) -> Means:
        """What addresses are got with, and the time of one call for it."""
        settings = self.settings
        return Means(self.store, self.executable, Patience(settings.delegate_timeout), settings.release_before_link)

    def lock(self, namespace: Namespace) -> None:
        """Have a namespace to this call alone. Raises TryAgain or StoreFailure."""
        namespace.lock(self.settings.state_dir, self._lock_patience)

    @cached_property
    def _lock_patience(self) -> Patience:
        return locks.patience()

    def go_on(self) -> None:
        """Raise TryAgain if the process was told to stop: what was done so far is then undone."""
        if self.terminated():
            raise TryAgain("terminated by a signal; nothing was left behind, try again", "SIGTERM, SIGINT or SIGHUP")

    def attachment(self, request: Request, netns_id: str, device: str, ipam_dir: str) -> Attachment:
        """The record of the attachment that a request is about to make."""
        environment = request.environment
        return Attachment(
            owner=Owner(request.network, environment.container_id, environment.ifname),
            netns=_text(environment.netns),
            netns_id=netns_id,
            device=device,
            ipam=request.ipam_type,
            ipam_dir=ipam_dir,
            boot_id=self.boot_id,
            created=int(time.time()),
            pod_namespace=_text(request.arguments.get("K8S_POD_NAMESPACE", "")),
            pod_name=_text(request.arguments.get("K8S_POD_NAME", "")),
            serial=int.from_bytes(os.urandom(7)),  # what SQLite's integers hold
        )


@cache
def boot_id() -> str:
    """The kernel's name for the time since it started; no clock can change it."""
    return BOOT_ID.read_text().strip()


def read_settings(variables: Mapping[str, str]) -> Settings:
    """The node's settings; a missing file means the defaults. Raises InvalidSettings."""
    path = variables.get("CNI_MACVLAN_SETTINGS") or DEFAULT_PATH
    try:
        status = os.stat(path)
        return _parsed(path, (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        cure = cure_of_refusal(error, "make it a readable TOML file or remove it")
        raise InvalidSettings(
            f"{path}: cannot be read: {error}; {cure}",
            "CNI_MACVLAN_SETTINGS names the file",
        ) from error


@lru_cache(maxsize=64)
def _parsed(path: str, state: tuple[int, ...]) -> Settings:  # noqa: ARG001 - a file in another state is read anew
    return parse_settings(read_regular(path, MOST_SETTINGS), path)


def _text(value: str) -> str:
    """What came from the environment, without the bytes that are no UTF-8."""
    return value.encode(errors="replace").decode()
