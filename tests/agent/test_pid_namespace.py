"""An agent with process ids of its own, as in a container, has other IPAM plugins executed that look for themselves."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests import kernel_state
from tests.agent.process import Agent, inside_python
from tests.reference import RELEASES, reference
from tests.runtime import DOOR
from tests.ways import Executed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

# The agent as the first process of a pid namespace, with a /proc of its own; it is told to end as its parent is.
CONTAINED = inside_python(f"""
import ctypes, signal, subprocess
assert ctypes.CDLL(None).unshare(0x20000000 | 0x00020000) == 0  # CLONE_NEWPID, CLONE_NEWNS
within = "mount --make-rprivate / && mount -t proc none /proc && exec {DOOR} agent --socket $0"
agent = subprocess.Popen(["sh", "-ec", within, sys.argv[1]])
signal.signal(signal.SIGTERM, lambda *_: agent.terminate())
sys.exit(agent.wait())
""")
WITNESS = """#!/bin/sh
cat > /dev/null
echo "$CNI_COMMAND ${CNI_NETNS_OVERRIDE-unset}" >> NOTES
[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.77/24"}]}'
exit 0
"""


@pytest.fixture
def contained(tmp_path: Path) -> Iterator[Agent]:
    with Agent(tmp_path / "agent.sock", command=CONTAINED) as made:
        yield made


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("ipam", ["host-local", "static"])
def test_the_references_ipam_plugins_are_executed(
    runtime: Runtime, lan: Lan, contained: Agent, release: str, ipam: str
) -> None:
    """Their library opens /proc/PID/task/TID/ns/net of themselves, in the /proc of the caller."""
    runtime.way = Executed(str(contained.socket), wrapper=("unshare", "--mount"))
    (runtime.cni_path / ipam).unlink()
    (runtime.cni_path / ipam).symlink_to(reference(release) / ipam)
    static = {"type": ipam, "addresses": [{"address": "10.9.0.2/24"}]}
    config = runtime.config(runtime.pool("10.9.0.0/24") if ipam == "host-local" else static)
    container = lan.container()
    runtime.add(config, container).expect()
    assert kernel_state.cidrs(container) == ["10.9.0.2/24"]
    assert runtime.held() == (["10.9.0.2"] if ipam == "host-local" else [])
    runtime.check(config, container).expect()
    runtime.delete(config, container).expect()
    assert runtime.held() == []
    runtime.add(config, container).expect()
    assert runtime.attach("DEL", config, container, netns="").ok
    assert runtime.held() == []


def test_only_who_cannot_find_itself_is_told(runtime: Runtime, lan: Lan, tmp_path: Path, contained: Agent) -> None:
    """Where /proc has the ids that an executed plugin has, its environment is the caller's, in every way."""
    notes = tmp_path / "notes"
    witness = runtime.cni_path / "witness"
    witness.write_text(WITNESS.replace("NOTES", str(notes)))
    witness.chmod(0o755)
    config = runtime.config({"type": "witness"})
    told = {}
    with Agent(tmp_path / "other.sock") as agent:
        for name, socket in (("process", ""), ("agent", str(agent.socket)), ("contained", str(contained.socket))):
            runtime.way = Executed(socket)
            container = lan.container()
            runtime.add(config, container).expect()
            runtime.delete(config, container).expect()
            told[name] = {line.split()[1] for line in notes.read_text().splitlines()}
            notes.unlink()
    assert told == {"process": {"unset"}, "agent": {"unset"}, "contained": {"1"}}


def test_the_callers_own_namespace_is_still_refused(runtime: Runtime, lan: Lan, contained: Agent) -> None:
    """What an executed plugin leaves out is compared here, whatever it is told."""
    witness = runtime.cni_path / "witness"
    witness.write_text("#!/bin/sh\nexit 1\n")
    witness.chmod(0o755)
    runtime.way = Executed(str(contained.socket))
    variables = {"CONTAINERID": "c1", "NETNS": str(lan.node.path), "IFNAME": "net1"}
    answer = runtime.call("ADD", json.dumps(runtime.config({"type": "witness"})), **variables)
    assert (answer.code, "should not be the same" in answer.msg) == (8, True)
    assert os.path.exists(lan.node.path)  # noqa: PTH110 - nothing was touched
