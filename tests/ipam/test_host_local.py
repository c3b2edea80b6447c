"""The directory shared with the reference's own host-local: written by one, read by the other, at the same time."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conf.errors import AddressUnavailable, CheckFailure, TryAgain
from ipam import pool
from ipam.ranges import RangeSet
from ipam.store.files import FilesStore
from tests.reference import RELEASES, reference
from tests.unit.ipam.builders import NETWORK, addresses, attachment, owner, sets, span
from tests.unit.ipam.crashes import add

ROOT = Path(__file__).parents[2]
SUBNETS = ("10.1.0.0/29", "fd00:0:0:7::/112")
DUAL = sets(*map(span, SUBNETS))
SMALL = sets(span("10.1.0.0/29"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The place of the network's leases; not there yet."""
    return tmp_path / NETWORK


@pytest.fixture
def files(tmp_path: Path) -> FilesStore:
    return FilesStore(str(tmp_path))


@dataclass(frozen=True)
class Reference:
    """The host-local of a release of the reference."""

    directory: Path

    def start(
        self, verb: str, data_dir: Path, name: str, *subnets: str, wish: str = "", ifname: str = "eth0"
    ) -> subprocess.Popen[str]:
        """Start a call."""
        ipam = {"type": "host-local", "dataDir": str(data_dir), "ranges": [[{"subnet": each}] for each in subnets]}
        config = {"cniVersion": "1.0.0", "name": NETWORK, "type": "macvlan", "ipam": ipam, "prevResult": {}}
        environment = {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": name,
            "CNI_IFNAME": ifname,
            "CNI_NETNS": "/run/netns/none",
            "CNI_PATH": str(self.directory),
            "CNI_ARGS": f"IgnoreUnknown=1;IP={wish}" if wish else "",
        }
        pipe = subprocess.PIPE
        process = subprocess.Popen([self.directory / "host-local"], env=environment, stdin=pipe, stdout=pipe, text=True)
        assert process.stdin is not None
        process.stdin.write(json.dumps(config))
        process.stdin.close()
        return process

    def add(self, data_dir: Path, name: str, *subnets: str, wish: str = "", ifname: str = "eth0") -> list[str]:
        """The addresses that an ADD comes to."""
        result = answer(self.start("ADD", data_dir, name, *subnets, wish=wish, ifname=ifname))
        return [each["address"].partition("/")[0] for each in result["ips"]]


@pytest.fixture(params=RELEASES)
def theirs(request: pytest.FixtureRequest) -> Reference:
    """Each release in turn."""
    return Reference(reference(request.param))


def answer(process: subprocess.Popen[str]) -> Any:  # noqa: ANN401 - JSON
    assert process.stdout is not None
    with process.stdout:
        text = process.stdout.read()
    assert process.wait() == 0, text
    return json.loads(text) if text else None


def our_add(
    store: FilesStore, name: str, range_sets: tuple[RangeSet, ...], wish: str = "", ifname: str = "eth0"
) -> list[str]:
    with store.transaction(NETWORK) as tx:
        wishes = addresses(wish) if wish else []
        given = pool.acquire(tx, attachment(name, ifname), range_sets, wishes, replace=False)
    return [str(each.address.ip) for each in given]


def our_release(store: FilesStore, name: str, ifname: str = "eth0") -> list[str]:
    with store.transaction(NETWORK) as tx:
        return list(map(str, pool.release(tx, owner(name, ifname))))


def listing(directory: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in directory.iterdir()}


def modes(directory: Path) -> dict[str, int]:
    """The modes of what is in there and of itself; the reference's files were 0644 before they became 0600."""
    found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (directory, *directory.iterdir())}
    return {name: 0o600 if mode == 0o644 else mode for name, mode in found.items()}


def test_both_leave_the_same_bytes(theirs: Reference, tmp_path: Path) -> None:
    ours, other = tmp_path / "ours", tmp_path / "theirs"
    store = FilesStore(str(ours))
    steps: list[tuple[str, ...]] = [("c1",), ("c2", "10.1.0.5"), ("c3",), ("-c1",), ("c4",), ("-c3",), ("c5",), ("c6",)]
    for name, *wish in steps:
        if name.startswith("-"):
            our_release(store, name[1:])
            answer(theirs.start("DEL", other, name[1:], *SUBNETS))
        else:
            given = our_add(store, name, DUAL, *wish)
            assert given == theirs.add(other, name, *SUBNETS, wish="".join(wish))
        assert listing(ours / NETWORK) == listing(other / NETWORK)
        assert modes(ours / NETWORK) == modes(other / NETWORK)
    assert (ours / NETWORK / "10.1.0.5").read_bytes() == b"c2\r\neth0"


def test_each_takes_up_where_the_other_stopped(theirs: Reference, files: FilesStore, tmp_path: Path) -> None:
    assert our_add(files, "c1", DUAL) == ["10.1.0.2", "fd00:0:0:7::2"]
    assert theirs.add(tmp_path, "c2", *SUBNETS) == ["10.1.0.3", "fd00:0:0:7::3"]
    assert our_add(files, "c3", DUAL) == ["10.1.0.4", "fd00:0:0:7::4"]
    answer(theirs.start("CHECK", tmp_path, "c1", *SUBNETS))
    with files.transaction(NETWORK) as tx:
        pool.check(tx, owner("c2"), addresses("10.1.0.3", "fd00:0:0:7::3"))
    answer(theirs.start("DEL", tmp_path, "c1", *SUBNETS))
    with files.transaction(NETWORK) as tx, pytest.raises(CheckFailure):
        pool.check(tx, owner("c1"), [])
    assert our_release(files, "c2") == ["10.1.0.3", "fd00:0:0:7::3"]
    assert theirs.add(tmp_path, "c4", *SUBNETS) == ["10.1.0.5", "fd00:0:0:7::5"]
    with pytest.raises(AddressUnavailable, match=r"10\.1\.0\.5 has been allocated to c4, duplicate allocation"):
        our_add(files, "c4", DUAL)


def test_twenty_processes_of_both_kinds_at_once(theirs: Reference, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.ipam.crashes", "crowd", "files"]
    command += [str(tmp_path), "10", "1", "10.1.0.0/27"]
    ours = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    others = [theirs.start("ADD", tmp_path, f"r{n}", "10.1.0.0/27", "fd00::/120") for n in range(10)]
    given = [ip["address"].partition("/")[0] for each in others for ip in answer(each)["ips"]]
    lines, _ = ours.communicate()
    given += [address for line in lines.splitlines() for address in line.split()[1:]]
    assert len(set(given)) == len(given) == 40
    held = {name for name in listing(tmp_path / NETWORK) if not name.startswith("l")}
    assert held == set(given)


def test_files_with_the_container_id_alone(files: FilesStore, directory: Path) -> None:
    directory.mkdir()
    (directory / "10.1.0.2").write_bytes(b"c1")
    (directory / "10.1.0.3").write_bytes(b"c2\n")
    (directory / "10.1.0.4").write_bytes(b"c2\r\neth0")
    with files.transaction(NETWORK) as tx:
        assert tx.leases(owner("c1", "any")) == addresses("10.1.0.2")
        assert tx.leases(owner("c2")) == addresses("10.1.0.4")
        assert tx.leases(owner("c2", "eth1")) == addresses("10.1.0.3")
        assert tx.holder(addresses("10.1.0.2")[0]) == owner("c1", "")
        assert pool.sweep(tx, {("c1", "eth7")}) == [owner("c2", ""), owner("c2")]
    assert set(listing(directory)) == {"lock", "10.1.0.2"}
    assert our_release(files, "c1") == ["10.1.0.2"]


def test_files_that_a_power_cut_left_without_an_owner_are_free(files: FilesStore, directory: Path) -> None:
    directory.mkdir()
    for n in range(2, 6):
        (directory / f"10.1.0.{n}").write_bytes(b"" if n % 2 else bytes(9))
    (directory / "10.1.0.6").write_bytes(b"c9\r\neth0")
    (directory / "last_reserved_ip.0").touch()
    assert [our_add(files, f"c{n}", SMALL)[0] for n in range(4)] == [f"10.1.0.{n}" for n in range(2, 6)]
    assert our_release(files, "c9") == ["10.1.0.6"]


def test_what_else_lies_there_is_left_alone(files: FilesStore, directory: Path) -> None:
    (directory / "10.1.0.2").mkdir(parents=True)
    (directory / "10.1.0.4.bak").write_bytes(b"c1\r\neth0")
    (directory / "010.1.0.3").write_bytes(b"c1\r\neth0")
    (directory / "FD00::2").write_bytes(b"c1\r\neth0")
    (directory / "fe80::1%eth0").write_bytes(b"c1\r\neth0")
    (directory / "last_reserved_ip.0").write_bytes(b"nonsense")
    (directory / "\udcff").write_bytes(b"\xff")
    (directory / "10.1.0.5").write_bytes(b"\xff\xfe")
    before = {each.name for each in directory.iterdir()}
    assert our_add(files, "c1", SMALL) == ["10.1.0.3"]
    assert our_add(files, "c2", SMALL) == ["10.1.0.4"]
    with pytest.raises(AddressUnavailable):
        our_add(files, "c3", SMALL, wish="10.1.0.2")
    assert our_release(files, "c1") == ["10.1.0.3"]
    assert {each.name for each in directory.iterdir()} == before | {"lock", "10.1.0.4"}


def test_verbs_that_give_nothing_make_no_directory(files: FilesStore, tmp_path: Path) -> None:
    with files.transaction(NETWORK) as tx:
        assert pool.release(tx, owner("c1")) == []
        assert pool.sweep(tx, set()) == []
        assert tx.next_free(SMALL[0]) == addresses("10.1.0.2")[0]
        with pytest.raises(CheckFailure):
            pool.check(tx, owner("c1"), [])
    files.probe(NETWORK)
    assert list(tmp_path.iterdir()) == []


def test_each_range_set_has_a_round_of_its_own(files: FilesStore, directory: Path) -> None:
    our_add(files, "c1", DUAL, wish="10.1.0.5")
    assert (directory / "last_reserved_ip.0").read_bytes() == b"10.1.0.5"
    assert (directory / "last_reserved_ip.1").read_bytes() == b"fd00:0:0:7::2"
    assert our_add(files, "c2", sets(span("10.2.0.0/29"), span("fd00:0:0:7::/112"))) == ["10.2.0.2", "fd00:0:0:7::3"]


def test_low_ipv6_addresses_have_no_dotted_names(files: FilesStore, directory: Path) -> None:
    assert add(files, "c1", sets(span("::1:0/126"))) == ["::1:2"]
    assert (directory / "::1:2").read_bytes() == b"c1\r\neth0"
    with files.transaction(NETWORK) as tx:
        assert tx.leases(owner("c1")) == addresses("::1:2")


def test_a_program_that_ignores_the_lock_is_not_overwritten(files: FilesStore, directory: Path) -> None:
    our_add(files, "c1", SMALL)
    before = listing(directory)

    def race() -> None:
        with files.transaction(NETWORK) as tx:
            pool.acquire(tx, attachment("c2"), DUAL, replace=False)
            (directory / "fd00:0:0:7::2").write_bytes(b"other\r\neth0")

    with pytest.raises(TryAgain, match="does not respect the directory's lock; call again"):
        race()
    (directory / "fd00:0:0:7::2").unlink()
    assert listing(directory) == before
