"""``lint`` says what the node lacks that a configuration asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import answered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Json, Runtime


@pytest.mark.kernel
def test_what_this_node_lacks(lan: Lan, runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "lan.conflist"
    plugins: list[Json] = [
        {"type": "macvlan", "master": "eth9", "ipam": {"type": "dhcp"}},
        {"type": "macvlan", "master": "eth0", "mtu": 9000, "ipam": {"type": "static"}},
        {"type": "tuning"},
        {"type": "no-such"},
    ]
    file.write_text(json.dumps({"cniVersion": "1.0.0", "name": "lan", "plugins": plugins}))
    inside = ("nsenter", f"--net={lan.node.path}")
    found = answered("lint", "--cni-path", str(runtime.cni_path), file, prefix=inside, status=1)["findings"]
    assert [(each["key"], each["code"]) for each in found] == [
        ("plugins[0].ipam.type", 111),
        ("plugins[0].master", 101),
        ("plugins[1].mtu", 7),
        ("plugins[3].type", None),
    ]
    assert "candidates are eth0" in found[1]["message"]
