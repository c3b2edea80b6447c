"""A directory of leases that depends on where a call is served from would be two, and give one address twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.runtime import Runtime

pytestmark = pytest.mark.kernel


def test_a_relative_directory_is_no_place_for_leases(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    config = runtime.config(runtime.pool("10.9.0.0/24", dataDir="leases"))
    refused = runtime.add(config, container)
    assert (refused.code, '"ipam.dataDir" is "leases"' in refused.msg) == (7, True)
    assert not (runtime.directory / "leases").exists()
    runtime.delete(config, container).expect()
    assert [link["ifname"] for link in json.loads(container.run("ip", "-j", "link"))] == ["lo"]
