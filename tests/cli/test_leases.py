"""``leases`` tells who has which address, from both stores, and releases by hand what it is told to."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
from pathlib import Path

import pytest

from conf.settings import Settings
from console.cli.removal import Plan, Removal
from console.survey.addresses import addresses
from ipam.store import tables
from plugin.node import Node
from tests.cli.command import call
from tests.cli.operator import Operator, dual_stack, set_boot
from tests.lan import Lan
from tests.namespaces import execute
from tests.reference import NEW, reference
from tests.runtime import DOOR, Runtime

pytestmark = pytest.mark.kernel
KINDS = pytest.mark.parametrize("kind", ["cni-macvlan-py", "host-local"])
POD = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=till-0"


@KINDS
def test_it_tells_everything_about_a_lease(lan: Lan, runtime: Runtime, operator: Operator, kind: str) -> None:
    config = dual_stack(runtime, kind)
    operator.configure(config)
    container = lan.container()
    runtime.add(config, container, args=POD).expect()
    answer = operator.ask("leases")
    since = answer["leases"][0].pop("since")
    assert answer["leases"][0] == {
        "address": "10.9.0.2",
        "network": lan.network,
        "container": container.name,
        "ifname": "net1",
        "podNamespace": "shop",
        "podName": "till-0",
        "boot": "this",
        "state": "live",
        "stale": False,
        "netns": str(container.path),
        "dataDir": str(runtime.data_dir) if kind == "host-local" else "",
    }
    assert since.endswith("Z")
    assert [lease["address"] for lease in answer["leases"]] == ["10.9.0.2", "fd00:9::2"]
    assert [(each["range"], each["size"], each["used"], each["free"]) for each in answer["ranges"]] == [
        ("10.9.0.1-10.9.0.9", 8, 1, 7),
        ("fd00:9::1-fd00:9::ffff:ffff:ffff:ffff", 2**64 - 2, 1, 2**64 - 3),
    ]
    words = operator.run("leases").stdout.splitlines()
    assert words[1].split()[:5] == ["10.9.0.2", lan.network, container.name, "net1", "shop/till-0"]
    assert words[1].split()[-2:] == ["this", "live"]


def test_filters(lan: Lan, runtime: Runtime, operator: Operator) -> None:
    config = dual_stack(runtime, "cni-macvlan-py")
    first, second = lan.container(), lan.container()
    runtime.add(config, first, args=POD).expect()
    runtime.add(config, second).expect()
    assert len(operator.leased()) == 4
    for words in (["--pod", "till-0"], ["--pod", "shop/till-0"], ["--container", first.name[:-1]]):
        assert operator.leased(*words) == ["10.9.0.2", "fd00:9::2"]
    assert operator.leased("--address", "10.9.0.3") == ["10.9.0.3", "fd00:9::3"]
    assert operator.leased("--address", "10.9.0.0/30") == operator.leased("--network", lan.network)
    for words in (["--pod", "other/till-0"], ["--address", "10.9.0.4"], ["--stale"]):
        assert operator.leased(*words) == []
    assert operator.run("leases", "--stale").stdout == "no leases\n"


@pytest.mark.parametrize("command", [["leases"], ["leases", "release", "10.9.0.2", "--yes"], ["gc", "--yes"]])
def test_a_network_that_there_is_not_is_a_mistake(
    lan: Lan, runtime: Runtime, operator: Operator, command: list[str]
) -> None:
    """Whether by a configuration or by a lease: those that there are are named."""
    done = operator.run(*command, "--network", "lna")
    assert (done.returncode, 'no network "lna": there is none' in done.stderr) == (2, True)
    config = dual_stack(runtime, "cni-macvlan-py")
    operator.configure(config | {"name": "lan"})
    runtime.add(config, lan.container()).expect()
    done = operator.run(*command, "--network", "lna")
    assert (done.returncode, done.stdout) == (2, "")
    assert f'no network "lna": there are lan, {lan.network}; did you mean "lan"?' in done.stderr
    assert operator.run(*command, "--network", "lan").returncode == int("release" in command)
    assert len(operator.leased()) == 2


@KINDS
def test_what_a_container_that_is_gone_left_is_stale(lan: Lan, runtime: Runtime, operator: Operator, kind: str) -> None:
    config = dual_stack(runtime, kind)
    containers = [lan.container() for _ in range(3)]
    for container in containers:
        runtime.add(config, container).expect()
    rebooted, removed, _ = containers
    set_boot(runtime, rebooted.name)
    removed.remove()
    shown = {lease["container"]: lease["state"] for lease in operator.ask("leases")["leases"]}
    assert [shown[container.name] for container in containers] == ["earlier boot", "namespace gone", "live"]
    assert len(operator.leased("--stale")) == 4


def test_a_namespace_without_a_name_lives_as_long_as_a_process_does_in_it(
    lan: Lan, runtime: Runtime, operator: Operator
) -> None:
    container = lan.container()
    runtime.add(dual_stack(runtime, "cni-macvlan-py"), container).expect()
    with subprocess.Popen(
        ["nsenter", f"--net={container.path}", "sh", "-c", "echo in; exec sleep 60"], stdout=-1
    ) as inside:
        assert inside.stdout is not None
        inside.stdout.readline()
        subprocess.run(["ip", "netns", "del", container.name], check=True)
        assert operator.leased("--stale") == []
        inside.kill()
    assert len(operator.leased("--stale")) == 2


def test_a_namespace_lives_by_any_of_its_names(lan: Lan, runtime: Runtime, operator: Operator, tmp_path: Path) -> None:
    container, other = lan.container(), tmp_path / "other"
    runtime.add(dual_stack(runtime, "cni-macvlan-py"), container).expect()
    other.touch()
    execute("mount", "--bind", container.path, other)
    try:
        execute("ip", "netns", "del", container.name)
        assert operator.leased("--stale") == []
    finally:
        execute("umount", other)
    assert len(operator.leased("--stale")) == 2


def test_leases_of_the_reference_plugin_are_shown(lan: Lan, runtime: Runtime, operator: Operator) -> None:
    config = dual_stack(runtime, "host-local")
    operator.configure(config)
    variables = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "theirs", "CNI_NETNS": "/x", "CNI_IFNAME": "net1"}
    subprocess.run(
        [reference(NEW) / "host-local"], env=variables | {"CNI_PATH": "/x"}, input=json.dumps(config), text=True,
        stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    for words in ([], ["--network", lan.network], ["--data-dir", str(runtime.data_dir)]):
        assert operator.leased(*words) == ["10.9.0.2", "fd00:9::2"]
    lease = operator.ask("leases")["leases"][0]
    assert (lease["container"], lease["state"], lease["boot"], lease["podName"]) == ("theirs", "unknown", "this", "")
    assert operator.run("leases", "release", "10.9.0.2", "--yes").stdout.endswith("removed 1 of 1\n")
    assert runtime.held() == []


def test_a_look_makes_nothing(runtime: Runtime, operator: Operator) -> None:
    assert operator.leased() == []
    assert operator.ask("gc", "--dry-run")["attachments"] == []
    assert not runtime.state_dir.exists()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"PRAGMA user_version = {tables.VERSION + 1}", "install the version of cni-macvlan-py that wrote it"),
        ("PRAGMA application_id = 7", "belongs to another program"),
    ],
)
def test_a_database_that_cannot_be_read_is_named_with_the_cure(
    lan: Lan, runtime: Runtime, operator: Operator, statement: str, said: str
) -> None:
    runtime.add(dual_stack(runtime, "cni-macvlan-py"), lan.container()).expect()
    with sqlite3.connect(runtime.state_dir / "leases.db") as db:
        db.execute(statement)
    db.close()
    for words in (["leases"], ["gc", "--yes"]):
        done = operator.run(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert done.stderr.startswith(f"cni-macvlan-py {words[0]}: lease database {runtime.state_dir}/leases.db")
        assert done.stderr.count("\n") == 1


def test_configurations_that_cannot_be_read_are_told_and_the_rest_goes_on(runtime: Runtime, operator: Operator) -> None:
    operator.configure(dual_stack(runtime, "cni-macvlan-py"))
    (operator.conf_dir / "a.conf").write_text("{")
    (operator.conf_dir / "b.conflist").write_text(
        '{"name": "b", "plugins": [{"type": "macvlan", "ipam": {"type": "cni-macvlan-py", "subnet": "10.0.0.1/24"}}]}'
    )
    answer = operator.ask("leases")
    assert len(answer["ranges"]) == 2
    assert [why.partition(":")[0] for why in answer["passedOver"]] == [
        str(operator.conf_dir / "a.conf"),
        str(operator.conf_dir / "b.conflist"),
    ]
    assert "passed over: " in operator.run("leases").stderr


def test_the_table_is_for_eyes_and_for_programs_that_read_lines(runtime: Runtime, operator: Operator) -> None:
    """Whatever lies in a directory of others, and however narrow the terminal is."""
    leases = runtime.data_dir / "theirs"
    leases.mkdir(parents=True)
    for address, content in {"10.8.0.2": b"c\xff\x1b[31m\nx", "10.8.0.3": b"a" * 200 + b"\r\neth0"}.items():
        (leases / address).write_bytes(content)
    (leases / "10.8.0.4").mkdir()
    terminal = ("script", "--quiet", "--return", "/dev/null", "--command")
    words = ["leases", "--data-dir", str(runtime.data_dir), "--conf-dir", str(operator.conf_dir)]
    command = shlex.join(["env", f"CNI_MACVLAN_SETTINGS={runtime.settings}", str(DOOR), *words])
    narrow = execute(*terminal, f"stty cols 20; {command}").stdout.replace("\r", "")
    for lines in (narrow.splitlines(), operator.run(*words[:-2]).stdout.splitlines()):
        assert [line.split()[:3] for line in lines[1:]] == [
            ["10.8.0.2", "theirs", r"c\udcff\x1b[31m\nx"],
            ["10.8.0.3", "theirs", "a" * 200],
        ]
        assert all(line == line.rstrip() for line in lines)


@KINDS
def test_release_asks_and_takes_the_interface_with_the_addresses(
    lan: Lan, runtime: Runtime, operator: Operator, kind: str
) -> None:
    config = dual_stack(runtime, kind)
    container, other = lan.container(), lan.container()
    runtime.add(config, container).expect()
    runtime.add(config, other).expect()
    for answer in ("n\n", ""):
        done = operator.run("leases", "release", "10.9.0.2", stdin=answer)
        assert (done.returncode, "nothing was removed" in done.stderr) == (1, True)
        assert "live: its interface is removed as well" in done.stdout
    assert len(operator.leased()) == 4
    assert operator.run("leases", "release", "10.9.0.2", stdin="y\n").returncode == 0
    assert operator.leased() == ["10.9.0.3", "fd00:9::3"]
    assert (container.links(), other.links()) == (["lo"], ["lo", "net1"])
    runtime.delete(config, container).expect()
    runtime.add(config, container).expect()


def test_release_of_a_container_for_programs(lan: Lan, runtime: Runtime, operator: Operator) -> None:
    container = lan.container()
    runtime.add(dual_stack(runtime, "cni-macvlan-py"), container).expect()
    release = ("leases", "release", "--container", container.name)
    assert operator.run(*release, "--json").returncode == 2
    (planned,) = operator.ask(*release, "--dry-run")["attachments"]
    assert (planned["outcome"], "net1" in container.links()) == ("planned", True)
    (done,) = operator.ask(*release, "--yes")["attachments"]
    assert (done["container"], done["outcome"]) == (container.name, "removed")
    assert done["addresses"] == ["10.9.0.2", "fd00:9::2"]
    assert operator.ask(*release, "--yes", status=1)["attachments"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["release"], "name addresses, or a --container"),
        (["release", "10.9.0.256"], "invalid IP address: 10.9.0.256"),
        (["--network", "lan", "release", "10.9.0.2"], "write --network behind release"),
    ],
)
def test_wrong_usage(words: list[str], said: str) -> None:
    done = call("leases", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_who_is_attached_anew_meanwhile_keeps_what_it_has(lan: Lan, runtime: Runtime, operator: Operator) -> None:
    config = dual_stack(runtime, "cni-macvlan-py")
    container, again = lan.container(), lan.container()
    node = Node(Settings(state_dir=str(runtime.state_dir)), "/x", lambda: False)
    runtime.add(config, container).expect()
    seen = addresses(node.settings.state_dir, str(operator.conf_dir), [])
    plan = Plan([Removal(each, "planned before") for each in seen.holdings], node)
    container.batch("link del net1")  # while that lives, the container is attached nowhere else
    runtime.add(config, again, container_id=container.name).expect()
    plan.execute()
    assert [(step.outcome, step.reason) for step in plan.steps] == [("kept", "attached anew meanwhile")]
    assert len(operator.leased()) == 2
    assert "net1" in again.links()
    node.store.close()


def test_release_finds_a_container_whose_namespace_has_lost_its_path(
    lan: Lan, runtime: Runtime, operator: Operator
) -> None:
    """Its interface goes before its address does."""
    container = lan.container()
    runtime.add(dual_stack(runtime, "cni-macvlan-py"), container).expect()
    with subprocess.Popen(
        ["nsenter", f"--net={container.path}", "sh", "-c", "echo in; exec sleep 60"], stdout=-1, text=True
    ) as inside:
        assert inside.stdout is not None
        inside.stdout.readline()
        subprocess.run(["ip", "netns", "del", container.name], check=True)
        operator.ask("leases", "release", "--container", container.name, "--yes")
        shown = execute("nsenter", f"--net=/proc/{inside.pid}/ns/net", "ip", "-brief", "link").stdout
        inside.kill()
    assert ([line.split()[0] for line in shown.splitlines()], operator.leased()) == (["lo"], [])
