"""Many calls at once, as a node that starts its containers after a boot makes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests import lan as test_lan
from tests.lan import SUBNET4, Lan

if TYPE_CHECKING:
    from tests.runtime import Runtime

MANY = 8


@pytest.mark.parametrize("kind", ["host-local", "cni-macvlan-py"])
def test_parallel_adds_and_dels(lan: Lan, runtime: Runtime, kind: str) -> None:
    """The range has exactly as many addresses as there are containers."""
    ipam = runtime.pool() | {
        "type": kind,
        "ranges": [[{"subnet": SUBNET4, "rangeStart": "10.9.0.11", "rangeEnd": "10.9.0.18"}]],
    }
    config = runtime.config(ipam if kind == "host-local" else {key: ipam[key] for key in ("type", "ranges")})
    containers = [lan.container() for _ in range(MANY)]
    with ThreadPoolExecutor(MANY) as threads:
        for _ in range(2):
            given = [answer.addresses for answer in threads.map(lambda c: runtime.add(config, c), containers)]
            assert sorted(given) == [[f"10.9.0.{n}/24"] for n in range(11, 11 + MANY)]
            addresses = [address.split("/")[0] for (address,) in given]
            next_ones = [*addresses[1:], addresses[0]]
            targets = {address: (here, address) for here, address in zip(containers, next_ones, strict=True)}
            assert set(test_lan.reachable(targets).values()) == {True}
            assert all(answer.ok for answer in threads.map(lambda c: runtime.delete(config, c), containers))
            assert [container.links() for container in containers] == [["lo"]] * MANY
    assert runtime.held() == []
