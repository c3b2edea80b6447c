"""Many calls at once, each in a process of its own: no address twice, none lost, none left."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.crash import remains
from tests.crash.preload import Attached
from tests.namespaces import PREFIX, RUN_NETNS, execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.preload import Outcome, Preload

MANY = 200
DOORS = 64
AT_ONCE = 16
Json = dict[str, Any]


@pytest.fixture(scope="module")
def containers() -> Iterator[list[Attached]]:
    """Two hundred empty namespaces."""
    suffix = secrets.token_hex(3)
    names = [f"{PREFIX}many-{suffix}-{number}" for number in range(MANY)]
    try:
        execute("ip", "-batch", "-", text="".join(f"netns add {name}\n" for name in names))
        yield [Attached(name, str(RUN_NETNS / name)) for name in names]
    finally:
        execute("ip", "-batch", "-", text="".join(f"netns del {name}\n" for name in names))


def pool_of(preload: Preload, first: str, last: str, kind: str = "cni-macvlan-py") -> Json:
    """A configuration with a network and a pool of its own."""
    ipam: Json = {"type": kind, "ranges": [[{"subnet": "10.9.0.0/16", "rangeStart": first, "rangeEnd": last}]]}
    if kind == "host-local":
        ipam["dataDir"] = str(preload.data_dir)
    name = f"{preload.lan.network}-{secrets.token_hex(3)}"
    return {"cniVersion": "1.1.0", "name": name, "type": "macvlan", "master": "eth0", "ipam": ipam}


def given(answers: list[Outcome]) -> list[str]:
    """The addresses of the ADDs that succeeded."""
    return [ip["address"] for answer in answers if answer.status == 0 for ip in answer.document["ips"]]


def require_nothing_left(preload: Preload, containers: list[Attached]) -> None:
    """No link, no lease, no file, no process."""
    assert [each for each in containers if "net1" in remains.kernel(RUN_NETNS / each.container_id)["links"]] == []
    assert remains.kernel(preload.lan.node.path)["links"] == ["eth0", "lo"]
    assert remains.rows(preload.state_dir) == {"attachment": 0, "lease": 0}
    assert remains.strange_files(preload) == []
    assert len(preload.lan.node.processes()) == 1


def test_64_doors_at_once(preload: Preload, containers: list[Attached]) -> None:
    """The executable as the runtime starts it: 64 ADDs all at the same time, then 64 DELs, some at a time."""
    config = pool_of(preload, "10.9.1.1", "10.9.1.250")
    few = containers[:DOORS]
    added = doors(preload, "ADD", config, few, at_once=DOORS)
    assert Counter(status for status, _ in added) == {0: DOORS}, [out for status, out in added if status][:3]
    addresses = [json.loads(out)["ips"][0]["address"] for _, out in added]
    assert len(set(addresses)) == DOORS
    assert remains.rows(preload.state_dir) == {"attachment": DOORS, "lease": DOORS}
    deleted = doors(preload, "DEL", config, few, at_once=AT_ONCE)
    assert Counter(deleted) == {(0, ""): DOORS}
    require_nothing_left(preload, containers)


def doors(
    preload: Preload, verb: str, config: Json, containers: list[Attached], *, at_once: int
) -> list[tuple[int, str]]:
    """Status and stdout of the executable for each container, so many processes at a time."""

    def door(whom: Attached) -> tuple[int, str]:
        done = subprocess.run(
            ["nsenter", f"--net={preload.lan.node.path}", str(preload.plugin)],
            env=preload.environment(verb, whom), input=json.dumps(config), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(door, containers))


@pytest.mark.parametrize("kind", ["cni-macvlan-py", "host-local"])
def test_200_calls_at_once(preload: Preload, containers: list[Attached], kind: str) -> None:
    """Without the start of an interpreter the calls meet in the store far more closely."""
    config = pool_of(preload, "10.9.1.1", "10.9.1.250", kind)
    added = preload.calls(*[("ADD", config, whom) for whom in containers])
    assert Counter(answer.status for answer in added) == {0: MANY}, first_failure(added)
    assert len(set(given(added))) == MANY
    deleted = preload.calls(*[("DEL", config, whom) for whom in containers])
    assert Counter((answer.status, answer.stdout) for answer in deleted) == {(0, ""): MANY}, first_failure(deleted)
    require_nothing_left(preload, containers)


def first_failure(answers: list[Outcome]) -> str:
    """What the first call that failed had to say."""
    return next((answer.stdout + answer.stderr for answer in answers if answer.status), "")


@pytest.mark.parametrize(("kind", "room"), [("cni-macvlan-py", 100), ("host-local", 60)])
def test_more_calls_than_addresses(preload: Preload, containers: list[Attached], kind: str, room: int) -> None:
    """Exactly as many succeed as there are addresses; what the others are told is that the pool is exhausted."""
    config = pool_of(preload, "10.9.2.1", f"10.9.2.{room}", kind)
    added = preload.calls(*[("ADD", config, whom) for whom in containers])
    assert Counter(answer.code for answer in added) == {0: room, 107: MANY - room}
    assert len(set(given(added))) == room
    again = preload.calls(*[("DEL", config, whom) for whom in containers])
    assert Counter(answer.status for answer in again) == {0: MANY}, first_failure(again)
    require_nothing_left(preload, containers)
    # all of it can be given again
    few = containers[:room]
    assert len(set(given(preload.calls(*[("ADD", config, whom) for whom in few])))) == room
    preload.calls(*[("DEL", config, whom) for whom in few])
    require_nothing_left(preload, containers)


@pytest.mark.parametrize("kind", ["cni-macvlan-py", "host-local"])
def test_verbs_at_once(preload: Preload, containers: list[Attached], kind: str) -> None:
    """ADD, DEL, GC and STATUS of one network in each other's way: each is right, and all is consistent."""
    config = pool_of(preload, "10.9.3.1", "10.9.3.250", kind)
    stay, go, come = containers[:20], containers[20:40], containers[40:60]
    first = preload.calls(*[("ADD", config, whom) for whom in stay + go])
    kept = given(first[: len(stay)])
    valid = [{"containerID": whom.container_id, "ifname": whom.ifname} for whom in stay + come]
    collect = config | {"cni.dev/valid-attachments": valid}
    calls: list[tuple[str, Json, Attached | None]] = []
    for leaving, coming in zip(go, come, strict=True):
        calls += [("DEL", config, leaving), ("ADD", config, coming), ("STATUS", config, None)]
        calls += [("GC", collect, None)] * (len(calls) % 4 == 0)
    answers = preload.calls(*calls)
    assert Counter(answer.status for answer in answers) == {0: len(calls)}, first_failure(answers)
    added = [answer for (verb, _, _), answer in zip(calls, answers, strict=True) if verb == "ADD"]
    held = kept + given(added)
    assert len(set(held)) == len(stay) + len(come)
    assert remains.rows(preload.state_dir)["attachment"] == len(held)
    preload.call("GC", config | {"cni.dev/valid-attachments": []}).expect()
    require_nothing_left(preload, containers)


def test_one_container_in_each_others_way(preload: Preload, containers: list[Attached]) -> None:
    """ADDs and DELs of the very same attachment at once: one after the other, whatever the order."""
    config = pool_of(preload, "10.9.4.1", "10.9.4.250")
    whom = containers[0]
    answers = preload.calls(*([("ADD", config, whom), ("DEL", config, whom)] * 16))
    codes = Counter(answer.code for answer in answers)
    assert set(codes) <= {0, 103}, codes
    preload.call("DEL", config, whom).expect()
    require_nothing_left(preload, containers)
