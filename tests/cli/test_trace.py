"""Recording calls, and ``trace``: the same call once more, told step by step, with nothing left of it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from plugin.record import KEPT, SUFFIX
from tests.cli.command import answered, call
from tests.lan import Lan
from tests.namespaces import Namespace
from tests.runtime import DOOR, Json, Runtime

pytestmark = pytest.mark.kernel
POOL: Json = {"type": DOOR.name, "ranges": [[{"subnet": "10.9.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}


@pytest.fixture
def records(runtime: Runtime) -> Path:
    """A runtime whose calls are recorded here."""
    directory = runtime.directory / "calls"
    with runtime.settings.open("a") as file:
        file.write(f'record_dir = "{directory}"\n')
    return directory


def config(runtime: Runtime, **keys: object) -> Json:
    return runtime.config(POOL, type=DOOR.name) | keys


def added(runtime: Runtime, lan: Lan, **keys: object) -> Namespace:
    container = lan.container()
    runtime.add(config(runtime, **keys), container, plugin=DOOR.name).expect()
    return container


def recorded(records: Path, verb: str) -> Path:
    (found,) = records.glob(f"*-{verb}-*{SUFFIX}")
    return found


def steps(document: Any, kind: str) -> list[str]:  # noqa: ANN401 - any JSON
    return [f"{step['step']} → {step['result']}" for step in document["steps"] if step["kind"] == kind]


def test_a_call_is_recorded_for_root_alone(runtime: Runtime, records: Path, lan: Lan) -> None:
    container = added(runtime, lan)
    kept = json.loads(recorded(records, "ADD").read_text())
    assert kept["environment"]["CNI_NETNS"] == str(container.path)
    assert json.loads(kept["stdin"]) == config(runtime)
    assert json.loads(kept["answer"])["ips"][0]["address"] == "10.9.0.2/24"
    assert "PATH" not in kept["environment"]
    assert stat.S_IMODE(recorded(records, "ADD").stat().st_mode) == 0o600


def test_a_refusal_is_recorded_too(runtime: Runtime, records: Path, lan: Lan) -> None:
    runtime.add(config(runtime, master="eth9"), lan.container(), plugin=DOOR.name)
    assert json.loads(json.loads(recorded(records, "ADD").read_text())["answer"])["code"] == 101


def test_records_do_not_fill_the_disk(runtime: Runtime, records: Path, lan: Lan) -> None:
    records.mkdir()
    for number in range(KEPT + 5):
        (records / f"{number:019}-ADD-1{SUFFIX}").touch()
    (records / "mine").touch()
    added(runtime, lan)
    kept = sorted(os.listdir(records))  # noqa: PTH208 - names alone
    assert len(kept) == KEPT + 1
    assert "mine" in kept
    assert f"{5:019}-ADD-1{SUFFIX}" not in kept


def test_nothing_is_recorded_unless_asked_for(runtime: Runtime, lan: Lan) -> None:
    added(runtime, lan)
    assert list(runtime.directory.rglob(f"*{SUFFIX}")) == []


def test_a_record_that_cannot_be_written_fails_no_call(runtime: Runtime, records: Path, lan: Lan) -> None:
    records.write_text("no directory")
    added(runtime, lan)
    assert "the call was not recorded" in runtime.log_file.read_text()


def test_an_add_in_words_leaves_nothing(runtime: Runtime, records: Path, lan: Lan) -> None:
    container = added(runtime, lan, mtu=1400)
    runtime.delete(config(runtime), container, plugin=DOOR.name).expect()
    before = (container.links(), lan.node.links(), os.listdir("/run/netns").count(container.name))  # noqa: PTH208
    told = answered("trace", recorded(records, "ADD"))
    netlink = "\n".join(steps(told, "netlink"))
    assert 'create macvlan "net1" on interface ' in netlink
    assert ", mode bridge, mtu 1400, in the container's namespace → done" in netlink
    assert "add address 10.9.0.2/24 to interface " in netlink
    assert "add route to 0.0.0.0/0 via 10.9.0.1 by interface " in netlink
    assert f'"cni-macvlan-py {lan.network} {container.name}" → done' in netlink
    assert any("INSERT INTO lease" in step for step in steps(told, "store"))
    assert any("net1/arp_notify = 1" in step for step in steps(told, "sysctl"))
    (answer,) = steps(told, "answer")
    assert answer.startswith("exit status 0 → ")
    times = [step["seconds"] for step in told["steps"]]
    assert times == sorted(times)
    assert before == (container.links(), lan.node.links(), 1)
    assert len(list(records.iterdir())) == 2, "a replay is no call"


@pytest.mark.parametrize("verb", ["DEL", "CHECK"])
def test_what_is_about_an_add_is_preceded_by_one(runtime: Runtime, records: Path, lan: Lan, verb: str) -> None:
    container = added(runtime, lan)
    runtime.attach(
        verb, {**config(runtime), "prevResult": runtime.results[container.name, "net1"]}, container, plugin=DOOR.name
    ).expect()
    told = answered("trace", recorded(records, verb))
    (answer,) = steps(told, "answer")
    assert answer.startswith("exit status 0 → ")
    assert any(step.startswith("delete interface") for step in steps(told, "netlink")) == (verb == "DEL")


def test_refusals_of_the_kernel_are_told(runtime: Runtime, records: Path, lan: Lan) -> None:
    """A route to a gateway that is out of reach."""
    routes = {"routes": [{"dst": "0.0.0.0/0", "gw": "10.8.0.1"}]}
    container = lan.container()
    runtime.add(config(runtime, ipam=POOL | routes), container, plugin=DOOR.name)
    told = answered("trace", recorded(records, "ADD"))
    assert any("via 10.8.0.1" in step and "Network is unreachable" in step for step in steps(told, "netlink"))
    (answer,) = steps(told, "answer")
    assert '"code": 105' in answer


def test_really(runtime: Runtime, records: Path, lan: Lan) -> None:
    """It asks first, and then does it where it was."""
    container = added(runtime, lan)
    runtime.delete(config(runtime), container, plugin=DOOR.name).expect()
    node = ("nsenter", f"--net={lan.node.path}")
    file = recorded(records, "ADD")
    declined = call("trace", "--really", file, stdin="n\n", prefix=node)
    assert (declined.returncode, declined.stdout) == (1, "")
    for_programs = call("trace", "--really", "--json", file, stdin="y\n", prefix=node)
    assert (for_programs.returncode, for_programs.stdout) == (2, "")
    assert container.links() == ["lo"]
    answered("trace", "--really", "--yes", file, prefix=node)
    assert container.links() == ["lo", "net1"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"mtu": "x"}, 7), ({"mtu": -5}, 7), ({"mtu": 100_000}, 7),
        ({"master": 7}, 7), ({"master": "e" * 20}, 101), ({"master": "lo"}, 102),
    ],
)  # fmt: skip
def test_a_refusal_is_replayed_whatever_it_was_for(
    runtime: Runtime, records: Path, lan: Lan, wrong: Json, code: int
) -> None:
    runtime.add(config(runtime, **wrong), lan.container(), plugin=DOOR.name)
    (answer,) = steps(answered("trace", recorded(records, "ADD")), "answer")
    assert f'"code": {code}' in answer


def test_keys_in_any_case(runtime: Runtime, records: Path, lan: Lan) -> None:
    runtime.add(config(runtime, master=None) | {"Master": "eth0", "MTU": 1400}, lan.container(), plugin=DOOR.name)
    (answer,) = steps(answered("trace", recorded(records, "ADD")), "answer")
    assert answer.startswith("exit status 0 → ")


def test_a_gc(runtime: Runtime, records: Path) -> None:
    runtime.gc(config(runtime, cniVersion="1.1.0") | {"type": "macvlan"}).expect()
    (answer,) = steps(answered("trace", recorded(records, "GC")), "answer")
    assert answer.startswith("exit status 0 → ")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"environment": {}, "stdin": "[]", "executable": "x"}', "\xff"])
def test_what_is_no_recorded_call(tmp_path: Path, text: str) -> None:
    file = tmp_path / "call.json"
    file.write_text(text, encoding="latin-1")
    done = call("trace", file)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"{file}: no recorded call: " in done.stderr
    assert done.stderr.endswith("; name a file of the setting record_dir\n")


def test_another_ones_ipam_plugin_is_not_executed(runtime: Runtime, records: Path, lan: Lan) -> None:
    runtime.add(config(runtime, ipam={"type": "dhcp"}), lan.container(), plugin=DOOR.name)
    done = call("trace", recorded(records, "ADD"))
    assert done.returncode == 1
    assert 'the plugin "dhcp"' in done.stderr


def test_words_for_people(runtime: Runtime, records: Path, lan: Lan) -> None:
    added(runtime, lan)
    done = call("trace", recorded(records, "ADD"))
    assert done.returncode == 0
    assert "CNI_COMMAND=ADD" in done.stdout
    assert " ms  netlink    create macvlan" in done.stdout
