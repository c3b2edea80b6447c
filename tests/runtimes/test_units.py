"""The units under a real systemd: calls, restarts under load, an agent that hangs, and how much is shut to it."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import until
from tests.deploy.calls import BIN, NAME, Container
from tests.deploy.load import Load
from tests.left_behind import left_on
from tests.machine import SECONDS, Machine
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Json

UNITS = ("cni-macvlan-py-agent.socket", "cni-macvlan-py-agent.service")
SCRIPT, APP = REPOSITORY / "deploy/units", "/opt/cni-macvlan-py"
POOL: Json = {"type": NAME, "ranges": [[{"subnet": "10.9.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
CONFIG: Json = {"cniVersion": "1.0.0", "name": "lan", "type": NAME, "master": "eth0", "ipam": POOL}
DUAL: Json = {**CONFIG, "ipam": {**POOL, "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]]}}
EXECUTED: Json = {**CONFIG, "name": "theirs", "ipam": {"type": "host-local-of-theirs", "ranges": POOL["ranges"]}}
EXPOSURE = 3.4


@pytest.fixture
def machine(lan: Lan, tmp_path: Path, installed: Path) -> Iterator[Machine]:
    """A machine whose systemd listens for the agent."""
    with Machine(lan.node, tmp_path, installed) as made:
        made.run("cp", "/usr/lib/cni/host-local", f"{BIN}/host-local-of-theirs")
        made.run(SCRIPT, "install", APP)
        yield made
        made.run(SCRIPT, "uninstall", APP)
        assert left_on(made) == []
        assert not list(made.path("/run/cni-macvlan-py").iterdir())
        assert not list(made.path("/etc/systemd/system").glob("cni-macvlan-py-agent.s*t"))


def process(machine: Machine) -> int:
    """The agent's main process, 0 if there is none."""
    return int(machine.run("systemctl", "show", "--property=MainPID", "--value", UNITS[1]))


def test_calls_are_served_in_spite_of_what_is_shut(machine: Machine) -> None:
    """The namespace is older than the service, whose private mounts must not keep it alive."""
    with Container(machine, "c1") as container:
        for config in (DUAL, EXECUTED):
            for verb in ("ADD", "CHECK", "DEL"):
                container.call(verb, config).expect()
        assert process(machine) > 1, "the first call has started it"
        mounts = machine.path(f"/proc/{process(machine)}/mountinfo")
        assert "/run/netns/c1" in mounts.read_text()
    assert "/run/netns/c1" not in mounts.read_text()


def test_the_python_door_asks_it_too(machine: Machine) -> None:
    with Container(machine, "c1") as container:
        machine.run("ln", "-s", "/opt/cni-macvlan-py/current/cni-macvlan-py", f"{BIN}/door")
        for verb in ("ADD", "CHECK", "DEL"):
            container.call(verb, CONFIG, plugin="door").expect()
    assert process(machine) > 1


def test_a_namespace_of_a_process_that_may_more(machine: Machine) -> None:
    """As containerd's ctr it: /proc/PID/ns/net, which only a tracer may open."""
    with Container(machine, "c1") as container:
        machine.run("systemd-run", "--unit=resident", "ip", "netns", "exec", "c1", "sleep", "1000")
        resident = machine.run("systemctl", "show", "--property=MainPID", "--value", "resident").strip()
        namespace = machine.path(container.netns).stat().st_ino
        container.netns = f"/proc/{resident}/ns/net"
        until(lambda: machine.path(container.netns).stat().st_ino == namespace, "it is in its namespace")
        for verb in ("ADD", "CHECK", "DEL"):
            container.call(verb, CONFIG).expect()
        machine.run("systemctl", "stop", "resident")


def test_restarts_under_load_lose_no_call(machine: Machine) -> None:
    """An install over an install restarts it, with units and without; that of another directory does not."""
    load = Load(machine, CONFIG)
    with load.by(4):
        load.go_on()
        for action in ("install", "restart", "install"):
            before = process(machine)
            assert machine.run(SCRIPT, "restart", f"{APP}-of-others") == ""
            assert process(machine) == before
            machine.run(SCRIPT, action, APP)
            load.go_on()
            assert process(machine) not in {0, before}
    assert load.failures == []
    machine.run("systemctl", "stop", *UNITS)
    assert machine.run("systemctl", "show", "--property=Result", "--value", UNITS[1]).strip() == "success"


def test_one_that_hangs_is_replaced(machine: Machine) -> None:
    soon = f"/etc/systemd/system/{UNITS[1]}.d/soon.conf"
    machine.write(soon, "[Service]\nWatchdogSec=8\nTimeoutAbortSec=1\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", UNITS[1])
    hanging = process(machine)
    machine.run("rm", soon)  # whoever replaces it may be held up for longer
    machine.run("systemctl", "daemon-reload")
    machine.run("kill", f"-{signal.SIGSTOP.value}", str(hanging))
    until(lambda: process(machine) not in {0, hanging}, "systemd has started another", SECONDS)
    with Container(machine, "c1") as container:
        for verb in ("ADD", "DEL"):
            container.call(verb, CONFIG).expect()


def test_units_are_sound(machine: Machine) -> None:
    verified = machine.start("systemd-analyze", "verify", *(f"/etc/systemd/system/{unit}" for unit in UNITS))
    assert (verified.returncode, [line for line in verified.stderr.splitlines() if NAME in line]) == (0, [])
    machine.run("systemctl", "start", UNITS[1])
    judged = machine.run("systemd-analyze", "security", "--no-pager", UNITS[1])
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged)
    assert exposure
    assert float(exposure[1]) <= EXPOSURE, judged
