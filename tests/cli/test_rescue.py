"""A lease database that is lost or damaged is refused, rescued with all that lives, kept in copies and put back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agent.process import Agent
from tests.cli.command import call
from tests.cli.operator import Operator, dual_stack
from tests.lan import Lan
from tests.namespaces import Namespace
from tests.runtime import Json, Runtime
from tests.ways import Executed

pytestmark = pytest.mark.kernel

GIVEN = ["10.9.0.2", "10.9.0.3", "10.9.0.4", "fd00:9::2", "fd00:9::3", "fd00:9::4"]


def flip(suffix: str, at: int) -> Callable[[Path], None]:
    def damage(state: Path) -> None:
        path = state / f"leases.db{suffix}"
        content = bytearray(path.read_bytes())
        content[at % len(content)] ^= 1
        path.write_bytes(content)

    return damage


def lose_log(state: Path) -> None:
    (state / "leases.db-wal").unlink()


def cut_log(state: Path) -> None:
    log = state / "leases.db-wal"
    log.write_bytes(log.read_bytes()[:-5000])


def lose_everything(state: Path) -> None:
    shutil.rmtree(state)


def empty(state: Path) -> None:
    for path in state.glob("leases.db*"):
        path.write_bytes(b"")


def all_but_a_copy(state: Path) -> None:
    lose_log(state)
    (state / "leases.db").write_bytes(b"garbage" * 1000)


DAMAGE = {
    "log lost": lose_log,
    "log cut": cut_log,
    "log's header": flip("-wal", 17),
    "log's first frame": flip("-wal", 100),
    "log's last frame": flip("-wal", -100),
    "directory lost": lose_everything,
    "all empty": empty,
    "garbage beside a copy": all_but_a_copy,
}


@dataclass
class Attached:
    """Three containers on a LAN, and the configuration that they were attached with."""

    lan: Lan
    config: Json
    containers: list[Namespace]


@pytest.fixture
def operator(lan: Lan, runtime: Runtime) -> Operator:
    """A person who stands at the node: the containers of all others on this machine are not its own."""
    return Operator(runtime, lan.node)


@pytest.fixture
def attached(lan: Lan, runtime: Runtime) -> Attached:
    made = Attached(lan, dual_stack(runtime, "cni-macvlan-py"), [lan.container() for _ in range(3)])
    for each in made.containers:
        runtime.add(made.config, each).expect()
    return made


def holders(operator: Operator) -> dict[str, tuple[str, str]]:
    leases = operator.ask("leases")["leases"]
    return {each["address"]: (each["container"], each["ifname"]) for each in leases}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_rescue_brings_back_what_lives(
    runtime: Runtime, operator: Operator, attached: Attached, damage: Callable[[Path], None]
) -> None:
    lan, config = attached.lan, attached.config
    before = holders(operator)
    assert sorted(before) == GIVEN
    damage(runtime.state_dir)
    other = lan.container()
    for _ in range(2):
        refused = runtime.add(config, other)
        assert (refused.code, "leases rescue" in refused.stdout) == (109, True), refused.stdout
    assert operator.run("leases").returncode == 1
    assert operator.run("leases", "rescue", stdin="n\n").returncode == 1
    assert runtime.add(config, other).code == 109
    operator.configure(config)
    operator.ask("leases", "rescue", "--yes")
    assert holders(operator) == before
    assert "nothing to rescue" in operator.run("leases", "rescue").stdout
    runtime.add(config, other).expect()
    assert sorted(holders(operator).keys() - before.keys()) == ["10.9.0.5", "fd00:9::5"]
    for each in (*attached.containers, other):
        runtime.delete(config, each).expect()
    assert holders(operator) == {}


def test_a_copy_is_put_back_unless_somebody_would_lose_a_lease(
    runtime: Runtime, operator: Operator, attached: Attached
) -> None:
    """A container attached after the copy keeps its addresses by its interface; one without an interface cannot."""
    lan, config, containers = attached.lan, attached.config, attached.containers
    file = runtime.directory / "copy"
    restore = ("leases", "restore", file)
    variables = {"CNI_MACVLAN_SETTINGS": str(runtime.settings)}
    assert call("leases", "backup", file, variables=variables).returncode == 0
    assert "File exists; name another file" in call("leases", "backup", file, variables=variables).stderr
    later = lan.container()
    runtime.add(config, later).expect()
    before = holders(operator)
    assert len(before) == len(GIVEN) + 2
    operator.ask(*restore, "--yes")
    assert holders(operator) == before
    runtime.delete(config, later).expect()
    assert sorted(holders(operator)) == GIVEN

    runtime.add(config, later).expect()
    subprocess.run(["ip", "-n", later.name, "link", "del", "net1"], check=True)
    refused = operator.run(*restore, "--yes")
    assert (refused.returncode, f"would lose its record: {lan.network} {later.name}" in refused.stderr) == (1, True)
    assert len(holders(operator)) == len(GIVEN) + 2
    assert operator.run(*restore, "--force", "--yes").returncode == 0
    assert sorted(holders(operator)) == GIVEN
    for each in containers:
        runtime.check(config, each).expect()


def test_an_agent_whose_log_was_taken_away_works_on_the_same_database_as_all(
    runtime: Runtime, operator: Operator, attached: Attached, tmp_path: Path
) -> None:
    lan, config = attached.lan, attached.config
    alone = runtime.way
    with Agent(tmp_path / "agent.sock") as agent:
        runtime.way = Executed(str(agent.socket))
        first, second = lan.container(), lan.container()
        runtime.add(config, first).expect()
        before = holders(operator)
        for suffix in ("-wal", "-shm"):
            (runtime.state_dir / f"leases.db{suffix}").unlink()
        runtime.way = alone
        assert runtime.add(config, second).code == 109
        runtime.way = Executed(str(agent.socket))
        served = runtime.add(config, second)
        runtime.way = alone
        if served.ok:
            assert holders(operator).items() >= before.items()
        else:
            assert served.code == 109
            operator.ask("leases", "rescue", "--yes")
            assert holders(operator) == before
