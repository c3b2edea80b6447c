"""Hostile calls by every way: each is answered in time and in memory, with a code that there is, and leaves nothing.

``--hostile`` says how many; docs/testing.md has the command for ten thousand.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.agent.process import Agent, until
from tests.examples import SAME_EVERYWHERE
from tests.fuzz.callers import LIMIT, MOST_MEMORY, WAYS, Caller, build
from tests.fuzz.hostile import Call, calls
from tests.fuzz.inputs import right, written
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="module")
def sandbox(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    del root
    links = {name for _, name in socket.if_nameindex()}
    with Sandbox(tmp_path_factory.mktemp("hostile")) as made:
        yield made
        assert made.ifname not in {name for _, name in socket.if_nameindex()} - links


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with Agent(tmp_path / "agent.sock") as made:
        yield made


def peak(agent: Agent) -> int:
    """Bytes that it had in memory at the most."""
    status = Path(f"/proc/{agent.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024


def serve(caller: Caller, call: Call) -> None:
    """Make a call, judge its answer, undo an ADD that succeeds, and require that nothing is left."""
    sandbox = caller.sandbox
    variables = {
        "CNI_COMMAND": call.verb,
        "CNI_CONTAINERID": "fuzz-container",
        "CNI_NETNS": sandbox.netns,
        "CNI_IFNAME": sandbox.ifname,
        "CNI_PATH": str(sandbox.empty),
        "CNI_MACVLAN_SETTINGS": str(sandbox.settings),
    } | call.variables
    status, stdout = caller.call(call.executable, variables, call.stdin)
    document = judge(call.verb, status, stdout)
    code = document["code"] if status else 0
    caller.codes[code] = caller.codes.get(code, 0) + 1
    if status == 0 and call.verb == "ADD":
        assert caller.call(call.executable, variables | {"CNI_COMMAND": "DEL"}, call.stdin) == (0, b"")
    sandbox.require_nothing_left()


@pytest.mark.parametrize("way", WAYS)
def test_hostile_calls(  # noqa: PLR0913, PLR0917 - one for each that is needed
    sandbox: Sandbox,
    agent: Agent,
    programs: Path,
    way: str,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An agent is measured by what is resident: each of its threads has a stack and an arena, of which little is."""
    caller = Caller(way, sandbox, agent, programs)
    serve(caller, Call("STATUS", written(right(sandbox.data_dir)[1], ascii_only=True), {}))
    assert caller.codes == {0: 1}

    @settings(SAME_EVERYWHERE, max_examples=pytestconfig.getoption("--hostile"), phases=[Phase.generate])
    @given(data=st.data())
    def serve_all(data: st.DataObject) -> None:
        serve(caller, data.draw(calls(sandbox.data_dir)))

    serve_all()
    with capsys.disabled():
        memory = f"agent {peak(agent) >> 20} MiB"
        sys.stdout.write(f"\n{way}: slowest {caller.slowest:.1f} s, {memory}, codes {caller.codes}\n")
    assert caller.slowest < LIMIT
    assert peak(agent) < MOST_MEMORY
    until(agent.is_resting, "the agent holds nothing of a call")
