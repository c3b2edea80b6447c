"""The networks of a walk: a configuration for each, and which addresses it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.runtime import DOOR
from tests.soak.actions import MASTERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime import Json

EXECUTED: Final = "reference"
"""The name in CNI_PATH of an IPAM plugin that is not ours."""
RANGES: Final = {"pool": (20, 25), "files": (30, 35), "executed": (40, 45)}
"""The last parts of the first and last address of a network; fewer than there are slots, so that they come again."""


def network_config(network: str, slot: int, place: Path) -> Json:
    """The configuration for an attachment of this number, with host-local directories below ``place``."""
    config: Json = {"cniVersion": "1.1.0", "name": network, "type": "macvlan", "master": MASTERS[network]}
    ipam = _ipam(network, slot, place)
    return config | {"ipam": ipam} if ipam else config


def pool_of(address: str) -> str:
    """The network that gives an address, "" for none."""
    if ":" in address:
        return "pool"
    last = int(address.rpartition(".")[2])
    return next((name for name, (low, high) in RANGES.items() if low <= last <= high), "")


def _ipam(network: str, slot: int, place: Path) -> Json:
    if network == "static":
        return {"type": "static", "addresses": [{"address": f"10.9.0.{100 + slot}/24"}]}
    if network not in RANGES:
        return {}
    first, last = RANGES[network]
    ranges = [[{"subnet": "10.9.0.0/24", "rangeStart": f"10.9.0.{first}", "rangeEnd": f"10.9.0.{last}"}]]
    if network == "pool":
        ranges.append([{"subnet": "fd00:9::/64", "rangeStart": "fd00:9::20", "rangeEnd": "fd00:9::27"}])
        return {"type": DOOR.name, "ranges": ranges}
    kind = "host-local" if network == "files" else EXECUTED
    return {"type": kind, "ranges": ranges, "dataDir": str(place / network)}
