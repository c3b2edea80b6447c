"""The numbers of an agent that is really asked for them agree with what it did, and with what STATUS says."""

from __future__ import annotations

import json
import os
import re
import resource
import secrets
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from agent.meter import REFUSALS
from conf.endpoint import Endpoint, read_endpoint
from conf.errors import InvalidSettings
from conf.settings import parse_settings
from tests.agent.held import HASTY, busy
from tests.agent.process import SECONDS, Agent, until
from tests.agent.protocol import (
    OWN,
    OWN_MOUNT,
    OWN_ROOT,
    VERSION,
    Conversation,
    NoAnswer,
    Spoken,
    open_namespaces,
    request,
    version,
)
from tests.agent.scrape import Scrape
from tests.runtime import DOOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

POOL = {"type": DOOR.name, "subnet": "10.9.0.0/24", "rangeStart": "10.9.0.7", "rangeEnd": "10.9.0.8"}
RANGES = "10.9.0.7-10.9.0.8"
CLIENTS = 4
UPGRADES = 3


class Measured:
    """Agents whose numbers are at ``place``, with the settings of a runtime."""

    def __init__(self, runtime: Runtime, place: Path | tuple[str, int]) -> None:
        self.place = place
        self.runtime = runtime
        setting = "{}:{}".format(*place) if isinstance(place, tuple) else f"unix:{place}"
        with runtime.settings.open("a") as settings:
            settings.write(f'metrics = "{setting}"\n')

    def agent(self, *options: str, command: tuple[str, ...] = ()) -> Agent:
        """Start one; the runtime's calls go to its socket."""
        environment = {"CNI_MACVLAN_SETTINGS": str(self.runtime.settings)}
        made = Agent(self.runtime.directory / "agent.sock", *options, command=command, environment=environment)
        self.runtime.way = Spoken(made.socket)
        return made

    def scrape(self) -> Scrape:
        """Ask for the numbers."""
        return Scrape(self.place)

    def until(self, true: Callable[[Scrape], bool], what: str) -> Scrape:
        """Ask until something is the case, and once more: what was told before it may have been so before it.

        The agent counts a call after its caller has the answer.
        """
        until(lambda: true(self.scrape()), what)
        return self.scrape()


def own_address() -> tuple[str, int]:
    """A place that nobody else comes to have between now and the agent's start: loopback has 2^24 addresses."""
    return "127.{}.{}.1".format(*secrets.token_bytes(2)), 9753


@pytest.fixture(params=["unix", "tcp"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | tuple[str, int]:
    return tmp_path / "place" / "metrics.sock" if request.param == "unix" else own_address()


@pytest.fixture
def measured(runtime: Runtime, tmp_path: Path) -> Measured:
    return Measured(runtime, tmp_path / "metrics.sock")


@pytest.fixture
def agent(measured: Measured) -> Iterator[Agent]:
    with measured.agent() as made:
        yield made
    assert not (measured.runtime.directory / "metrics.sock").exists()


def test_calls_are_counted_and_measured(runtime: Runtime, lan: Lan, measured: Measured, agent: Agent) -> None:
    """Two ADDs, one for which no address is left, a CHECK, a DEL, a configuration that is none."""
    config = runtime.config(POOL, cniVersion="1.1.0")
    first, second, third = (lan.container() for _ in range(3))
    for container in (first, second):
        runtime.add(config, container).expect()
    assert runtime.add(config, third).code == 107
    runtime.check(config, first).expect()
    runtime.delete(config, second).expect()
    assert runtime.call("STATUS", "{").code == 6
    assert runtime.call("FROB", "{}").code == 4
    assert version(agent.socket)
    numbers = measured.until(lambda now: now("calls_in_flight") == 0, "the last call has ended")
    assert numbers.values("calls_total") == {
        ("0", "success", "ADD"): 2,
        ("107", "failure", "ADD"): 1,
        ("0", "success", "CHECK"): 1,
        ("0", "success", "DEL"): 1,
        ("6", "failure", "STATUS"): 1,
        ("4", "failure", "other"): 1,
        ("0", "success", "VERSION"): 1,
    }
    assert numbers.values("call_duration_seconds_count") == {
        ("ADD",): 3, ("CHECK",): 1, ("DEL",): 1, ("STATUS",): 1, ("other",): 1, ("VERSION",): 1,
    }  # fmt: skip
    assert 0.0005 < numbers("call_duration_seconds_sum", "ADD") < 60
    assert numbers("call_duration_seconds_bucket", "120.0", "ADD") == 3
    assert numbers.values("refused_total") == {}
    assert numbers("calls_total", "0", "success", "GC") == 0, "the series is there before the first event"
    assert (numbers("calls_in_flight"), numbers("calls_waiting"), numbers("workers")) == (0, 0, 16)


@pytest.mark.parametrize("kind", [DOOR.name, "host-local"])
def test_pools_agree_with_status(runtime: Runtime, lan: Lan, measured: Measured, agent: Agent, kind: str) -> None:
    del agent
    directory = str(runtime.data_dir) if kind == "host-local" else ""
    config = runtime.config(POOL | {"type": kind} | ({"dataDir": directory} if directory else {}), cniVersion="1.1.0")
    labels = (directory, lan.network, RANGES)

    def pool() -> list[float]:
        numbers = measured.scrape()
        assert numbers("stores_readable") == 1
        return [numbers(f"pool_{name}", *labels) for name in ("addresses", "used", "free", "earlier_boot")]

    runtime.settings.write_text(runtime.settings.read_text() + 'status_exhausted = "error"\n')
    runtime.status(config).expect()
    assert pool() == [2, 0, 2, 0]
    containers = [lan.container(), lan.container()]
    for container in containers:
        runtime.status(config).expect()
        runtime.add(config, container).expect()
    assert pool() == [2, 2, 0, 0]
    assert runtime.status(config).code == 50
    assert measured.scrape()("attachments", lan.network) == 2
    runtime.delete(config, containers[0]).expect()
    assert pool() == [2, 1, 1, 0]
    runtime.status(config).expect()


def test_leaks(runtime: Runtime, lan: Lan, measured: Measured, agent: Agent) -> None:
    """Containers that went without a DEL are leaks; what is valid, or was removed in order, is none."""
    config = runtime.config(POOL, cniVersion="1.1.0")
    stays, lost = lan.container(), lan.container()
    for container in (stays, lost):
        runtime.add(config, container).expect()
    lost.remove()
    runtime.gc(config, (stays, "net1"), (lost, "net1")).expect()
    assert measured.scrape()("leaks_found_total") == 0
    runtime.gc(config, (stays, "net1")).expect()
    runtime.gc(config, (stays, "net1")).expect()
    numbers = measured.scrape()
    assert (numbers("leaks_found_total"), numbers("leaks_repaired_total")) == (1, 1)
    assert "1 attachments or leases were left behind, 1 of them are removed" in runtime.log_file.read_text()
    del agent


def test_a_leak_that_cannot_be_repaired(runtime: Runtime, lan: Lan, measured: Measured, agent: Agent) -> None:
    config = runtime.config(runtime.pool("10.9.0.0/24"), cniVersion="1.1.0")
    runtime.add(config, lan.container()).expect()
    place = runtime.data_dir / lan.network
    place.rename(runtime.data_dir / "away")
    place.touch()
    assert runtime.gc(config).code != 0
    numbers = measured.scrape()
    assert (numbers("leaks_found_total"), numbers("leaks_repaired_total")) == (1, 0)
    place.unlink()
    (runtime.data_dir / "away").rename(place)
    runtime.gc(config).expect()
    numbers = measured.scrape()
    assert (numbers("leaks_found_total"), numbers("leaks_repaired_total")) == (2, 1)
    del agent


def test_leases_that_nobody_recorded_are_leaks(runtime: Runtime, lan: Lan, measured: Measured, agent: Agent) -> None:
    config = runtime.config(runtime.pool("10.9.0.0/24"), cniVersion="1.1.0")
    runtime.add(config, lan.container()).expect()
    (runtime.data_dir / lan.network / "10.9.0.77").write_text("gone\r\neth0")
    runtime.gc(config).expect()
    numbers = measured.scrape()
    assert (numbers("leaks_found_total"), numbers("leaks_repaired_total")) == (2, 2)
    del agent


def begin(conversation: Conversation, measured: Measured) -> None:
    """An ADD that waits, once it is answered, until it is told that its answer has arrived."""
    runtime = measured.runtime
    container = runtime.lan.container()
    variables = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": str(container.path), "CNI_IFNAME": "net1"}
    variables["CNI_MACVLAN_SETTINGS"] = str(runtime.settings)
    opened = open_namespaces(runtime.lan.node.path, OWN_MOUNT, OWN_ROOT, container.path)
    conversation.ask(request(variables, json.dumps(runtime.config(None))), opened)
    for descriptor in opened:
        os.close(descriptor)


def test_what_waits_and_what_runs(measured: Measured, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with measured.agent(command=busy(fifo, waiting=4)) as agent, ExitStack() as stack:
        first, *conversations = [stack.enter_context(Conversation(agent.socket)) for _ in range(4)]
        begin(first, measured)
        at_work = stack.enter_context(fifo.open("w"))
        for conversation in conversations:
            conversation.ask(VERSION)
        numbers = measured.until(lambda now: now("calls_waiting") == 3, "three calls wait")
        assert numbers("calls_in_flight") == 1
        conversations.pop().socket.close()
        at_work.close()
        assert first.answer()[0] == 0
        for conversation in conversations:
            conversation.answer()
        numbers = measured.until(lambda now: now("calls_in_flight") == now("calls_waiting") == 0, "all are served")
        assert numbers.values("refused_total") == {("gone",): 1}


@pytest.fixture
def hasty(measured: Measured) -> Iterator[Agent]:
    with measured.agent(command=HASTY) as made:
        yield made


def test_refusals(measured: Measured, hasty: Agent) -> None:
    def stranger() -> None:
        hasty.socket.chmod(0o666)
        connect = "import os, socket; os.setuid(65534); socket.socket(socket.AF_UNIX).connect('agent.sock')"
        subprocess.run(["python3", "-c", connect], cwd=hasty.socket.parent, check=True, timeout=60)

    def malformed() -> None:
        with Conversation(hasty.socket) as conversation:
            conversation.send(b"GET / HTTP/1.0\r\n\r\n")
            with pytest.raises(NoAnswer):
                conversation.answer()

    def homeless() -> None:
        with Conversation(hasty.socket) as conversation:
            conversation.ask(VERSION, (0, 0, 0))
            with pytest.raises(NoAnswer):
                conversation.answer()

    def slow() -> None:
        with Conversation(hasty.socket) as conversation:
            conversation.send(VERSION[:-1], opened := open_namespaces(*OWN))
            measured.until(lambda now: now("refused_total", "slow") == 1, "it is given up")
        for descriptor in opened:
            os.close(descriptor)

    for refuse in (stranger, malformed, homeless, slow):
        assert refuse.__name__ in REFUSALS
        refuse()
        measured.until(lambda now, name=refuse.__name__: now("refused_total", name) == 1, refuse.__name__)  # type: ignore[misc]
    assert sum(measured.scrape().values("refused_total").values()) == 4


def test_the_process_is_described(measured: Measured, agent: Agent) -> None:
    numbers = measured.scrape()
    assert numbers.samples["process_open_fds"][()] >= len(agent.descriptors()) - 1
    assert numbers("threads") >= 17
    assert abs(numbers.samples["process_start_time_seconds"][()] - time.time()) < 600
    ((python, release),) = numbers.values("build_info")
    assert re.fullmatch(r"\d+\.\d+\.\d+", python)
    told = subprocess.run([DOOR, "version", "--json"], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(told.stdout)["version"] == release


def test_the_stores_cannot_be_read(runtime: Runtime, lan: Lan, measured: Measured, agent: Agent) -> None:
    """The other numbers are there all the same."""
    del agent
    runtime.add(runtime.config(POOL), lan.container()).expect()
    runtime.state_dir.rename(runtime.directory / "away")
    runtime.state_dir.mkdir()
    (runtime.state_dir / "leases.db").write_bytes(b"no database" * 1000)
    numbers = measured.until(lambda now: now("calls_total", "0", "success", "ADD") == 1, "the ADD is counted")
    assert numbers("stores_readable") == 0
    assert numbers.values("pool_addresses") == {}


def test_taken_over_without_a_gap(runtime: Runtime, place: Path | tuple[str, int]) -> None:
    """New agents take the place of the old while four scrapers ask: all have an answer, and the old ones end."""
    measured = Measured(runtime, place)
    stop = threading.Event()
    failures: list[BaseException] = []
    served = [0] * CLIENTS

    def ask(number: int) -> None:
        while not stop.is_set():
            try:
                measured.scrape()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the scrape has failed
                failures.append(error)
            served[number] += 1

    current = measured.agent().wait_ready()
    scrapers = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for scraper in scrapers:
        scraper.start()
    try:
        for _ in range(UPGRADES):
            before = min(served)
            until(lambda before=before: min(served) > before + 3, "all have asked the present one")  # type: ignore[misc]
            successor = measured.agent().wait_ready()
            assert measured.scrape().samples["process_start_time_seconds"]
            current.ended()
            current = successor
    finally:
        stop.set()
        for scraper in scrapers:
            scraper.join()
    assert failures == []
    current.stop()
    with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
        measured.scrape()


def test_the_new_one_answers_while_the_old_one_drains(runtime: Runtime, place: Path | tuple[str, int]) -> None:
    measured = Measured(runtime, place)
    old = measured.agent().wait_ready()
    started = measured.scrape().samples["process_start_time_seconds"]
    with Conversation(old.socket) as conversation:
        begin(conversation, measured)
        assert conversation.answer(acknowledge=False)[0] == 0
        with measured.agent():
            until(lambda: len(old.threads()) == 1 + 2, "it serves the one call, and no other")
            for _ in range(50):
                assert measured.scrape().samples["process_start_time_seconds"] != started
            conversation.acknowledge()
            old.ended()
            assert measured.scrape().samples["process_start_time_seconds"] != started


def test_standing_by(runtime: Runtime, place: Path | tuple[str, int]) -> None:
    """An agent that outlasts its successor has the numbers again when it has the calls again."""
    measured = Measured(runtime, place)
    with measured.agent("--stand-by") as old:
        with measured.agent("--stand-by"):
            until(lambda: len(old.threads()) == 1, "it stands by")
            assert version(old.socket)
            assert measured.scrape()("calls_total", "0", "success", "VERSION") <= 1
        until(lambda: len(old.threads()) == 16 + 2, "it is back")
        until(old.socket.exists, "it has its place")
        assert measured.scrape()("workers") == 16


def test_those_who_ask_are_few_and_quick(measured: Measured, agent: Agent) -> None:
    """Who connects and says nothing is hung up on, and keeps nobody else from being told."""
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(7)]
        for each in silent:
            each.connect(str(measured.place))
            each.sendall(b"GET /metrics HT")
        assert measured.scrape()("workers") == 16
        until(lambda: len(agent.threads()) == 16 + 2 + 7, "each has a thread")
        with socket.socket(socket.AF_UNIX) as eighth, socket.socket(socket.AF_UNIX) as ninth:
            eighth.connect(str(measured.place))
            ninth.connect(str(measured.place))
            ninth.settimeout(30)
            assert ninth.recv(1) == b"", "it is one too many"
        for each in silent:
            each.settimeout(30)
            while each.recv(4096):
                pass
    until(lambda: len(agent.threads()) == 16 + 2, "their threads have ended")
    assert measured.scrape()("workers") == 16


def test_no_descriptors_are_left(measured: Measured, agent: Agent) -> None:
    """It waits for some instead of asking for them over and over, and then answers."""
    limits = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    with socket.socket(socket.AF_UNIX) as early:
        early.connect(str(measured.place))
        before = time.clock_gettime(~agent.pid << 3 | 2)  # its processor time, as bench/agent.py reads it
        time.sleep(1)
        assert time.clock_gettime(~agent.pid << 3 | 2) - before < 0.3
        resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, limits)
        early.sendall(b"GET / HTTP/1.0\r\n\r\n")
        early.settimeout(30)
        assert early.recv(100).startswith(b"HTTP/1.0 200")


def test_off_by_default(tmp_path: Path) -> None:
    """Without the setting nobody listens for scrapers, and nobody would wait for their library."""
    with Agent(tmp_path / "agent.sock") as plain:
        version(plain.socket)
        listening = subprocess.run(["ss", "-Hlxtp"], capture_output=True, text=True, check=True, timeout=60).stdout
        assert [line.split()[4] for line in listening.splitlines() if f"pid={plain.pid}," in line] == [
            f"{plain.socket}.new"
        ], "the only place, under the name that it was made by"
        assert len(plain.threads()) == 17


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("unix:/run/cni-macvlan-py/metrics.sock", Endpoint(path="/run/cni-macvlan-py/metrics.sock")),
        ("127.0.0.1:9753", Endpoint(host="127.0.0.1", port=9753)),
        ("[::1]:9753", Endpoint(host="::1", port=9753)),
        ("0.0.0.0:1", Endpoint(host="0.0.0.0", port=1)),  # noqa: S104 - spelt out, it is meant
    ],
)
def test_endpoints(value: str, expected: Endpoint) -> None:
    assert read_endpoint(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "9753", ":9753", "localhost:9753", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.1:80", "::1:80",
        "[127.0.0.1]:80", "[::1]", "unix:", "unix:metrics.sock", "unix:/" + "x" * 103, "unix:/a\0b",
        "http://127.0.0.1:80", " ",
        "[::1%eth0]:80", "127.0.0.1:80\n",
    ],
)  # fmt: skip
def test_settings_that_cannot_be(value: str) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(f'"metrics" = "{value}" is no place to listen')):
        parse_settings(f"metrics = {json.dumps(value)}".encode(), "settings.toml")


def test_a_place_that_is_taken(runtime: Runtime) -> None:
    """The agent says so and ends, before another has made way for it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        measured = Measured(runtime, ("127.0.0.1", other.getsockname()[1]))
        with Agent(runtime.directory / "agent.sock") as present:
            agent = measured.agent()
            assert agent.process.wait(SECONDS) == 1
            assert "Address already in use" in agent.log.read_text()
            agent._close()
            assert version(present.socket)
