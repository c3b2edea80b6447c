"""A runtime that never ends its writing is answered, once its time is over."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from plugin.stdin import SECONDS

TREE = Path(__file__).resolve().parents[2]
CALL = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/none", "CNI_IFNAME": "net1"}


def test_the_door_answers_who_never_ends(tmp_path: Path) -> None:
    """And does not wait twice: once to ask an agent, and again to do without."""
    began = time.monotonic()
    command = [sys.executable, "-IS", str(TREE / "cni-macvlan-py")]
    call = CALL | {"CNI_MACVLAN_AGENT_SOCKET": str(tmp_path / "agent")}
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(call["CNI_MACVLAN_AGENT_SOCKET"])
        agent.listen()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=call) as door:
            assert door.stdout
            error = json.loads(door.stdout.read())
            assert door.wait(60) == 1
    assert (error["code"], error["msg"]) == (5, f"error reading from stdin: no end of it in {SECONDS:g} s")
    assert error["details"] == "the runtime has to write the network configuration"
    assert SECONDS <= time.monotonic() - began < 2 * SECONDS
