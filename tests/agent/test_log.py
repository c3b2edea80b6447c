"""What the log tells of calls, through the door and through the agent, in each of its formats."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from conf.errors import InvalidSettings
from conf.printable import LONGEST
from conf.settings import parse_settings
from tests.agent.journal import Journal
from tests.agent.process import Agent
from tests.agent.protocol import VERSION, Conversation, NoAnswer, Spoken
from tests.runtime import DOOR
from tests.ways import Executed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

POOL = {"type": "cni-macvlan-py", "subnet": "10.9.0.0/24", "rangeStart": "10.9.0.7", "rangeEnd": "10.9.0.7"}
LONG = 3 << 20  # bytes; stdin may have a little more
WAYS = pytest.mark.parametrize("way", ["door", "agent"])


@contextmanager
def logging(runtime: Runtime, way: str, **settings: str) -> Iterator[None]:
    """The runtime's calls are served by the door or by an agent, which have these settings."""
    lines = {"state_dir": str(runtime.state_dir), "log_file": str(runtime.log_file)} | settings
    runtime.settings.write_text("".join(f'{key} = "{value}"\n' for key, value in lines.items()))
    if way == "door":
        yield
        return
    with Agent(runtime.directory / "agent.sock", environment={"CNI_MACVLAN_SETTINGS": str(runtime.settings)}) as agent:
        runtime.way = Spoken(agent.socket)
        yield


def four_calls(runtime: Runtime, lan: Lan) -> Namespace:
    """An ADD, one that finds no address left, a DEL, and a STATUS, which has no container."""
    first, second = lan.container(), lan.container()
    config = runtime.config(POOL, cniVersion="1.1.0")
    runtime.add(config, first).expect()
    assert runtime.add(config, second).code == 107
    runtime.delete(config, first).expect()
    runtime.status(config).expect()
    runtime.version()
    return first


@WAYS
def test_one_line_for_each_call(runtime: Runtime, lan: Lan, way: str) -> None:
    with logging(runtime, way, log_level="info"):
        first = four_calls(runtime, lan)
    lines = runtime.log_file.read_text().splitlines()
    calls = [re.fullmatch(r"[\d-]+ [\d:,]+ cni-macvlan-py (.*): INFO: ended with code (\d+) after [\d.]+ ms(.*)", line)
             for line in lines]  # fmt: skip
    # An agent's threads do not take turns: who has its answer may call again before the line about its call is there.
    told = sorted((match.groups() for match in calls if match), key=lambda words: (words[0].split()[0], int(words[1])))
    assert len(told) == len(lines), lines
    network = lan.network
    assert told[0] == (f"ADD {first.name} net1 {network}", "0", "")
    assert told[1][1] == "107"
    assert "no IP addresses available" in told[1][2]
    assert told[2:] == [(f"DEL {first.name} net1 {network}", "0", ""), (f"STATUS {network}", "0", "")]


@WAYS
def test_json(runtime: Runtime, lan: Lan, way: str) -> None:
    """Each line is an object; the same facts, whoever served the call."""
    with logging(runtime, way, log_level="info", log_format="json"):
        first = four_calls(runtime, lan)
    lines: list[Json] = [json.loads(line) for line in runtime.log_file.read_text().splitlines()]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
        assert 0 < line.pop("duration_ms") < 60_000
        assert line.pop("level") == "info"
        assert line.pop("message").startswith("ended with code")
    lines.sort(key=lambda line: (line["verb"], line["code"]))
    attachment = {"container_id": first.name, "ifname": "net1", "network": lan.network}
    assert lines[0] == {"verb": "ADD", **attachment, "code": 0}
    assert lines[1]["code"] == 107
    assert lines[2:] == [
        {"verb": "DEL", **attachment, "code": 0},
        {"verb": "STATUS", "network": lan.network, "code": 0},
    ]


@WAYS
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_messages_of_several_lines(runtime: Runtime, lan: Lan, way: str, log_format: str) -> None:
    """What somebody else wrote cannot end a line and begin one of its own."""
    foreign = runtime.cni_path / "foreign"
    foreign.write_text("""#!/bin/sh\nprintf '{"code": 7, "msg": "one\\\\nERROR two"}'\nexit 1\n""")
    foreign.chmod(0o755)
    with logging(runtime, way, log_level="info", log_format=log_format):
        assert runtime.add(runtime.config({"type": "foreign"}), lan.container()).code == 7
    # The DEL behind the ADD is refused in the same words.
    deleted, ended = runtime.log_file.read_text().splitlines()
    for line in (deleted, ended):
        message = json.loads(line)["message"] if log_format == "json" else line.replace("\\n", "\n")
        assert "one\nERROR two" in message


@WAYS
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_line_is_longer_than_people_read(runtime: Runtime, lan: Lan, way: str, log_format: str) -> None:
    with logging(runtime, way, log_level="info", log_format=log_format):
        assert runtime.add(runtime.config(POOL, mode="x" * LONG), lan.container()).code == 7
    (line,) = runtime.log_file.read_text().splitlines()
    assert len(line) < LONGEST + 1000
    assert "characters more" in line


@WAYS
def test_a_terminal_takes_no_orders_from_the_log(runtime: Runtime, lan: Lan, way: str) -> None:
    container = lan.container()
    with logging(runtime, way, log_level="info"):
        config = runtime.config(POOL, **{"\x1b[2J": "an unknown key"})
        runtime.add(config, container, ifname="\x1b[31m").expect()
    text = runtime.log_file.read_text()
    assert "\\x1b[2J" in text
    assert "ADD" in text
    assert "\\x1b[31m" in text
    assert text.replace("\n", "").isprintable()


@WAYS
def test_quiet_by_default(runtime: Runtime, lan: Lan, way: str) -> None:
    with logging(runtime, way):
        four_calls(runtime, lan)
    assert runtime.log_file.read_text() == ""


@WAYS
def test_an_exhausted_range(runtime: Runtime, lan: Lan, way: str) -> None:
    """STATUS succeeds, and tells whoever reads the log, once each time that it begins: a kubelet asks all the time."""
    config = runtime.config(POOL, cniVersion="1.1.0")
    container = lan.container()
    with logging(runtime, way):
        for _ in range(2):
            runtime.add(config, container).expect()
            for _ in range(3):
                runtime.status(config).expect()
            runtime.delete(config, container).expect()
            runtime.status(config).expect()
    told = runtime.log_file.read_text().splitlines()
    assert len(told) == 2
    for line in told:
        assert f" STATUS {lan.network}: WARNING: the next ADD will fail: no IP addresses available" in line
        assert "10.9.0.7-10.9.0.7; widen the range" in line


@WAYS
def test_unknown_keys(runtime: Runtime, lan: Lan, way: str) -> None:
    """An ADD tells of them; STATUS, which a kubelet asks for all the time, does not repeat it."""
    config = runtime.config(POOL, cniVersion="1.1.0", mastr="eth1")
    with logging(runtime, way):
        runtime.status(config).expect()
        runtime.add(config, lan.container()).expect()
    (told,) = runtime.log_file.read_text().splitlines()
    assert "net1" in told
    assert '"mastr" is not known and ignored' in told


def test_no_line_has_an_earlier_calls_name(runtime: Runtime) -> None:
    """A worker serves a call, and it or its neighbour one that can only be logged."""
    runtime.settings.write_text(f'state_dir = "{runtime.state_dir}"\nlog_level = "info"\n')
    environment = {"CNI_MACVLAN_SETTINGS": str(runtime.settings)}
    with Agent(runtime.directory / "agent.sock", "--workers=1", environment=environment) as agent:
        runtime.way = Spoken(agent.socket)
        runtime.status(runtime.config(POOL, cniVersion="1.1.0")).expect()
        with Conversation(agent.socket) as conversation:
            conversation.ask(VERSION, (0, 0, 0))
            with pytest.raises(NoAnswer):
                conversation.answer()
    nobody, status = sorted(agent.log.read_text().splitlines(), key=lambda line: "ended" in line)
    assert f"cni-macvlan-py STATUS {runtime.lan.network}: INFO: ended" in status
    assert "cni-macvlan-py: WARNING: a client sent no namespaces" in nobody


@WAYS
def test_journal(runtime: Runtime, lan: Lan, way: str, tmp_path: Path) -> None:
    """The journal has the facts as fields, also of a line that names a huge value."""
    container = lan.container()
    runtime.settings.write_text(f'state_dir = "{runtime.state_dir}"\nlog_level = "info"\nlog_format = "journal"\n')
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(tmp_path / "journal"))
        if way == "door":
            runtime.way = Executed(wrapper=journal.inside)
        else:
            environment = {"CNI_MACVLAN_SETTINGS": str(runtime.settings)}
            agent = Agent(
                tmp_path / "agent.sock", command=(*journal.inside, DOOR, "agent", "--socket"), environment=environment
            )
            runtime.way = Spoken(stack.enter_context(agent).socket)
        runtime.add(runtime.config(POOL), container).expect()
        runtime.delete(runtime.config(POOL), container).expect()
        assert runtime.add(runtime.config(POOL, mode="x" * LONG), container).code == 7
        (long,) = journal.entries(lambda entry: "characters more" in entry["MESSAGE"], 1)
        added, deleted = journal.entries(lambda entry: entry.get("CNI_CODE") == "0", 2)
    attachment = {"CNI_CONTAINER_ID": container.name, "CNI_IFNAME": "net1", "CNI_NETWORK": lan.network}
    assert added.items() >= {"CNI_VERB": "ADD", "PRIORITY": "6", **attachment}.items()
    assert float(added["CNI_DURATION_MS"]) > 0
    assert deleted.items() >= {"CNI_VERB": "DEL", **attachment}.items()
    assert long.items() >= {"CNI_VERB": "ADD", "CNI_CODE": "7", **attachment}.items()


def test_journal_that_is_not_there(runtime: Runtime) -> None:
    """Settings that cannot be followed are refused, as a log file that cannot be written is."""
    runtime.settings.write_text('log_format = "journal"\n')
    runtime.way = Executed(wrapper=("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run; exec "$0" "$@"'))
    answer = runtime.status(runtime.config(POOL, cniVersion="1.1.0"))
    assert answer.code == 100
    assert "/run/systemd/journal/socket: No such file or directory" in answer.msg


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('log_format = "xml"', '"log_format" = "xml" is unknown; use one of text, json, journal'),
        (
            'log_format = "journal"\nlog_file = "/x"',
            '"log_format" = "journal" and "log_file" = "/x" exclude each other',
        ),
        ('log_file = "x"', '"log_file" = "x" is not an absolute path; begin it with /'),
        ('state_dir = ""', '"state_dir" = "" is not an absolute path; begin it with /'),
    ],
)
def test_settings_that_cannot_be(text: str, complaint: str) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(complaint)):
        parse_settings(text.encode(), "settings.toml")
