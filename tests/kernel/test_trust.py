"""What docs/security.md says of files, and of what a container can do to the LAN, is so."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipam.store.witness import place_of
from tests import lan as test_lan
from tests.agent.process import Agent, until
from tests.frames import ETH_P_ARP, Capture
from tests.lan import GATEWAY4, NODE4, SUBNET4, Lan
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from tests.runtime import Runtime

PAGE = (REPOSITORY / "docs/security.md").read_text()
FORGED = "02:00:00:00:de:ad"
LOCAL_EXPERIMENT = 0x88B5  # an EtherType that nobody uses (IEEE 802)


def test_files_have_the_modes_of_the_page(lan: Lan, runtime: Runtime) -> None:
    places = {
        "/var/lib/cni/cni-macvlan-py": runtime.state_dir,
        "/var/lib/cni/networks/NETWORK": runtime.data_dir / lan.network,
        "/run/cni-macvlan-py": runtime.directory,
        "/run/cni-macvlan-py/store…": Path(place_of(str(runtime.state_dir))),
    }
    (address,) = runtime.add(runtime.config(runtime.pool(SUBNET4)), lan.container()).addresses
    with Agent(runtime.directory / "agent.sock"):
        told = re.findall(r"^\| `(/\S+?)/?` \| (\d{4}) \|", PAGE, re.MULTILINE)
        assert told == [(path, f"{_found(path, places, address).stat().st_mode & 0o7777:04o}") for path, _ in told]
    assert len(told) == 7


def _found(path: str, places: dict[str, Path], address: str) -> Path:
    """Where the test has a file of the page."""
    if path in places:
        return places[path]
    directory, _, name = path.rpartition("/")
    return places[directory] / name.replace("ADDRESS", address.partition("/")[0])


@pytest.mark.parametrize("mode", ["bridge", "vepa", "private"])
def test_a_container_may_claim_to_be_another(lan: Lan, runtime: Runtime, mode: str) -> None:
    """With any MAC address; and a neighbour believes that it is the node."""
    container = lan.container()
    runtime.add(runtime.config(runtime.pool(SUBNET4), mode=mode), container).expect()
    assert test_lan.reachable({"a neighbour": (container, GATEWAY4), "the node": (lan.peer, NODE4)}) == {
        "a neighbour": True, "the node": True,
    }  # fmt: skip
    # For a second after a true answer, a claim would be ignored.
    lan.peer.sysctl("net/ipv4/neigh/eth0/locktime", 0)
    victim, forged = (bytes.fromhex(mac.replace(":", "")) for mac in (test_lan.mac_of(lan.peer, "eth0"), FORGED))
    frame = victim + forged + LOCAL_EXPERIMENT.to_bytes(2) + bytes(46)
    claim = bytes.fromhex("0001080006040002") + forged + socket.inet_aton(NODE4) + victim + socket.inet_aton(GATEWAY4)
    with Capture(lan.peer) as seen, container.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind(("net1", 0))
        wire.send(frame)
        wire.send(victim + forged + ETH_P_ARP.to_bytes(2) + claim)
        assert seen.saw(lambda each: each[:14] == frame[:14])
        assert seen.saw(lambda each: each[14:].startswith(claim))

        def believed() -> bool:
            # Again each time: the node looks for the neighbour 5 s after their ping, and so tells the truth once more.
            wire.send(victim + forged + ETH_P_ARP.to_bytes(2) + claim)
            return [each["lladdr"] for each in lan.peer.ip("neigh", "show", NODE4)] == [FORGED]

        until(believed, "the claim is believed")
