"""What somebody else has named is opened only if it is a regular file, at once, and read to a bound."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from conf.errors import InvalidSettings, IoFailure, StoreFailure
from conf.settings import Settings
from console.configs.networks import Unreadable, networks_in
from ipam.lease import Owner
from ipam.regular import open_regular, read_regular
from ipam.resolv_conf import read_resolv_conf
from ipam.store.files import FilesStore
from plugin import log
from plugin.node import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NETWORK = "net"
OWNER = Owner(NETWORK, "c1", "net1")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def directory(path: Path) -> None:
    path.mkdir()


def elsewhere(path: Path) -> None:
    other = path.with_name("victim")
    other.write_text("precious")
    path.symlink_to(other)


MAKERS = pytest.mark.parametrize("make", [fifo, device, directory])


@MAKERS
def test_only_regular_files_are_opened(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "it")
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        open_regular(str(tmp_path / "it"))


def test_reading_has_a_bound(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"12345")
    assert read_regular(str(tmp_path / "it"), 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes") as caught:
        read_regular(str(tmp_path / "it"), 4)
    assert caught.value.errno == errno.EFBIG


@MAKERS
def test_resolv_conf(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "it")
    with pytest.raises(IoFailure, match=r'not a regular file|is a directory; "ipam.resolvConf"'):
        read_resolv_conf(str(tmp_path / "it"))
    (tmp_path / "large").write_bytes(b"#" * (1 << 17))
    with pytest.raises(IoFailure, match="more than 65536 bytes"):
        read_resolv_conf(str(tmp_path / "large"))


@MAKERS
def test_settings(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "it")
    with pytest.raises(InvalidSettings, match="cannot be read"):
        read_settings({"CNI_MACVLAN_SETTINGS": str(tmp_path / "it")})


def test_log_file(tmp_path: Path) -> None:
    fifo(tmp_path / "it")
    with pytest.raises(InvalidSettings, match="cannot be written"):
        log.set_up(Settings(log_file=str(tmp_path / "it")))


@pytest.mark.parametrize("make", [fifo, device, directory, elsewhere])
@pytest.mark.parametrize("name", ["lock", "last_reserved_ip.0", "10.1.0.5"])
def test_the_directory_of_host_local(tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
    place = tmp_path / NETWORK
    place.mkdir()
    make(place / name)
    if make is directory and name == "10.1.0.5":  # no lease, and no address to give
        with FilesStore(str(tmp_path)).transaction(NETWORK) as tx:
            assert tx.leases(OWNER) == []
        return
    with pytest.raises(StoreFailure, match=name), FilesStore(str(tmp_path)).transaction(NETWORK) as tx:
        tx.release(OWNER)
    assert make is not elsewhere or (place / "victim").read_text() == "precious"


@MAKERS
def test_a_directory_of_configurations(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "10-it.conf")
    (found,) = networks_in(str(tmp_path))
    assert isinstance(found, Unreadable)
    assert "cannot be read" in found.why
