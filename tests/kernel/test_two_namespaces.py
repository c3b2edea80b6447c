"""One container id and two living namespaces: no address is free while the interface that has it lives in either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import kernel_state
from tests.crash import remains
from tests.lan import SUBNET4

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.runtime import Json, Runtime

KINDS = ("host-local", "cni-macvlan-py")


def network(runtime: Runtime, kind: str) -> Json:
    ipam: Json = {"type": kind, "ranges": [[{"subnet": SUBNET4}]]}
    return runtime.config(ipam | ({"dataDir": str(runtime.data_dir)} if kind == "host-local" else {}))


def leases(runtime: Runtime) -> int:
    """How many there are, on either store."""
    return len(runtime.held()) + remains.rows(runtime.state_dir)["lease"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_add_is_refused_while_the_first_lives_elsewhere(lan: Lan, runtime: Runtime, kind: str) -> None:
    config = network(runtime, kind)
    first, second = lan.container(), lan.container()
    (address,) = runtime.add(config, first, container_id="one").addresses
    refused = runtime.add(config, second, container_id="one")
    assert refused.code == 103
    assert str(first.path) in refused.msg
    assert (kernel_state.cidrs(first), second.links()) == ([address], ["lo"])
    assert leases(runtime) == 1
    # What a runtime does after an ADD that failed.
    runtime.delete(config, second, container_id="one").expect()
    assert (first.links(), leases(runtime)) == (["lo"], 0)
    runtime.add(config, second, container_id="one").expect()
    assert leases(runtime) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_add_takes_the_place_of_one_whose_namespace_or_interface_is_gone(
    lan: Lan, runtime: Runtime, kind: str
) -> None:
    config = network(runtime, kind)
    first, second, third = lan.container(), lan.container(), lan.container()
    runtime.add(config, first, container_id="one").expect()
    first.batch("link del net1")
    runtime.add(config, second, container_id="one").expect()
    assert leases(runtime) == 1
    second.remove()
    runtime.add(config, third, container_id="one").expect()
    assert (len(kernel_state.cidrs(third)), leases(runtime)) == (1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_del_in_another_namespace_removes_the_recorded_one(lan: Lan, runtime: Runtime, kind: str) -> None:
    config = network(runtime, kind)
    container, other = lan.container(), lan.container()
    runtime.add(config, container, container_id="one").expect()
    runtime.add(config, other, container_id="other").expect()
    kept = kernel_state.cidrs(other)
    runtime.delete(config, other, container_id="one").expect()
    assert (container.links(), kernel_state.cidrs(other)) == (["lo"], kept)
    assert leases(runtime) == 1
