"""Whatever a call is sent is answered within 120 MB: a container's configuration takes no memory of the node."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from plugin.dispatch import dispatch
from plugin.stdin import MAX_STDIN
from tests.runtime import DOOR

if TYPE_CHECKING:
    from pathlib import Path

MOST = 120_000_000
SECONDS = 120
MOST_ANSWER = 1 << 18
WIDE = "\N{GRINNING FACE}"  # of which one has a whole text take four bytes for each character

FULL: dict[str, tuple[str, str, str]] = {
    "objects": ('"x": [', "{}", "]"),
    "lists": ('"x": [', "[]", "]"),
    "objects with a key": ('"x": [', '{"":0}', "]"),
    "words": ('"x": [', '"ab"', "]"),
    "numbers": ('"x": [', "1.5", "]"),
    "interfaces": ('"prevResult": {"cniVersion": "1.1.0", "interfaces": [', '{"name": "a"}', "]}"),
    "addresses": ('"prevResult": {"cniVersion": "1.1.0", "ips": [', '{"address": "10.1.1.1/8"}', "]}"),
    "routes": ('"ipam": {"type": "static", "routes": [', '{"dst": "10.0.0.0/8"}', "]}"),
    "attachments": ('"cni.dev/valid-attachments": [', '{"containerID": "c", "ifname": "n"}', "]"),
}
LONG: dict[str, dict[str, Any]] = {
    "name": {"name": WIDE * (MAX_STDIN // 5)},
    "version": {"cniVersion": "9" * (MAX_STDIN - 200)},
    "type": {"ipam": {"type": "t" * (MAX_STDIN - 200)}},
    "text": {"x": WIDE + "a" * (MAX_STDIN - 200)},
}
HEAD = {"cniVersion": "1.1.0", "name": "lan", "type": "cni-macvlan-py", "master": "eth0"}


def filled(before: str, unit: str, behind: str, parts: int) -> str:
    """A configuration with as many units as have so many brackets, colons and commas, or as there is room for."""
    count = min(parts // (1 + sum(map(unit.count, "[{:,"))), (MAX_STDIN - 400) // (len(unit) + 1))
    return f"{json.dumps(HEAD)[:-1]}, {before}{','.join([unit] * count)}{behind}}}"


def answered(directory: Path, verb: str, stdin: str) -> None:
    """Have a process with so little memory serve it, and require an answer that is no bug's."""
    settings = directory / "settings.toml"
    settings.write_text(f'state_dir = "{directory}/state"\n')
    variables = {"CONTAINERID": "c", "IFNAME": "net1", "NETNS": str(directory / "none"), "PATH": str(directory)}
    done = subprocess.run(
        [DOOR], input=stdin.encode(), capture_output=True, timeout=SECONDS, check=False,
        env={
            "PATH": os.environ["PATH"], "CNI_MACVLAN_AGENT_SOCKET": "", "CNI_MACVLAN_SETTINGS": str(settings),
            "CNI_COMMAND": verb, **({} if verb == "GC" else {f"CNI_{name}": each for name, each in variables.items()}),
        },
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST)),
    )  # fmt: skip
    if done.returncode:
        assert json.loads(done.stdout)["code"] != 999, done
    assert done.returncode in {0, 1}, done
    assert len(done.stdout) < MOST_ANSWER


@pytest.mark.parametrize("verb", ["ADD", "GC"])
@pytest.mark.parametrize("parts", [MAX_STDIN, 200_000], ids=["too many", "many"])
@pytest.mark.parametrize("what", FULL)
def test_many_values(tmp_path: Path, what: str, parts: int, verb: str) -> None:
    answered(tmp_path, verb, filled(*FULL[what], parts))


@pytest.mark.parametrize("verb", ["ADD", "GC"])
@pytest.mark.parametrize("what", LONG)
def test_long_values(tmp_path: Path, what: str, verb: str) -> None:
    answered(tmp_path, verb, json.dumps({**HEAD, **LONG[what]}, ensure_ascii=False))


def test_none_left() -> None:
    """It passes, and is nobody's bug."""
    answers: list[bytes] = []

    def read() -> bytes:
        raise MemoryError

    variables = {"CNI_COMMAND": "STATUS", "CNI_PATH": "/"}
    failure = dispatch(variables, read, lambda text, _: answers.append(text), lambda *_: pytest.fail("it was not read"))
    assert failure is not None
    assert [json.loads(answer)["code"] for answer in answers] == [11]
