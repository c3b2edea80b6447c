"""The errors of the door itself: closed descriptors, missing variables, paths that are no namespace."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from plugin.stdin import MAX_STDIN
from tests.fuzz.inputs import right, written
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.verdict import judge
from tests.runtime import DOOR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def sandbox(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Namespaces and directories of this module's own."""
    del root
    with Sandbox(tmp_path_factory.mktemp("errors")) as made:
        (made.directory / "macvlan").symlink_to(DOOR)
        yield made


def variables(sandbox: Sandbox, verb: str, **others: str | None) -> dict[str, str]:
    """The variables of a call, with some replaced and those that are None left out."""
    made: dict[str, str | None] = {
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": sandbox.netns,
        "CNI_IFNAME": sandbox.ifname,
        "CNI_PATH": str(sandbox.empty),
    }
    return {name: value for name, value in (made | others).items() if value is not None}


def config(sandbox: Sandbox, number: int = 1) -> bytes:
    """A configuration that is right."""
    return written(right(sandbox.data_dir)[number], ascii_only=True)


def door(
    sandbox: Sandbox, verb: str, stdin: bytes, redirection: str = "", **others: str | None
) -> subprocess.CompletedProcess[bytes]:
    """Run the executable in the sandbox, by a shell that may close descriptors; nothing may be left of it."""
    before = sandbox.left()
    environment = variables(sandbox, verb, **others) | {
        "PATH": os.environ["PATH"],
        "CNI_MACVLAN_SETTINGS": str(sandbox.settings),
        "CNI_MACVLAN_AGENT_SOCKET": "",
    }
    command = ["sh", "-c", f"exec {sandbox.directory}/macvlan {redirection}"]

    def execute() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, input=stdin, env=environment, capture_output=True, timeout=60, check=False)

    done = sandbox.run(execute)
    assert b"Traceback" not in done.stdout
    assert sandbox.left() == before
    return done


@pytest.mark.parametrize("verb", ["ADD", "DEL", "CHECK", "GC", "STATUS"])
def test_closed_stdin(sandbox: Sandbox, verb: str) -> None:
    done = door(sandbox, verb, b"", "<&-")
    assert judge(verb, done.returncode, done.stdout)["code"] in {5, 6}


def test_stdin_that_cannot_be_read(sandbox: Sandbox) -> None:
    done = door(sandbox, "ADD", b"", "0>/dev/null")
    assert judge("ADD", done.returncode, done.stdout)["code"] == 5


def test_stdin_without_end(sandbox: Sandbox) -> None:
    done = door(sandbox, "ADD", b"", "</dev/zero")
    assert judge("ADD", done.returncode, done.stdout)["code"] == 5


def test_version_for_who_writes_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    """A stdin that stays open without a word, as a terminal's does."""
    os.mkfifo(tmp_path / "silence")
    done = door(sandbox, "VERSION", b"", f"<>{tmp_path}/silence")
    assert (done.returncode, judge("VERSION", 0, done.stdout)["cniVersion"]) == (0, "1.1.0")


def test_empty_command_is_none(sandbox: Sandbox) -> None:
    done = door(sandbox, "", b"")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.startswith(b"CNI macvlan plugin")


@pytest.mark.parametrize("size", [MAX_STDIN, MAX_STDIN + 1])
def test_huge_stdin(sandbox: Sandbox, size: int) -> None:
    stdin = b" " * (size - 2) + b"[]"
    done = door(sandbox, "DEL", stdin)
    assert judge("DEL", done.returncode, done.stdout)["code"] == (6 if size == MAX_STDIN else 5)


def test_mistakes_without_number(sandbox: Sandbox) -> None:
    """They fill neither the memory nor the answer, and take no time."""
    network = {"cniVersion": "1.0.0", "name": "fuzz", "type": "macvlan", "master": "eth0"}
    ipams: list[dict[str, object]] = [
        {"ranges": [[1] * 250_000]},
        {"ranges": [[1]] * 4000},
        {"ranges": [[{"subnet": f"fd00:{number:x}::/64"}] for number in range(2049)]},
        {"subnet": "10.8.0.0/24", "routes": [{"dst": 1}] * 60_000},
    ]
    for ipam in ipams:
        done = door(sandbox, "ADD", json.dumps(network | {"ipam": {"type": "host-local"} | ipam}).encode())
        assert judge("ADD", done.returncode, done.stdout)["code"] == 7
        assert len(done.stdout) < 1000
    unknown = json.dumps(network | {f"key{number}": 1 for number in range(100_000)}).encode()
    done = door(sandbox, "ADD", unknown, CNI_NETNS="/nonexistent")
    assert b"99900 more keys are not known" in done.stderr


@pytest.mark.parametrize("verb", ["ADD", "VERSION"])
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "<&- >&- 2>&-", ">&- 2>/dev/full"])
def test_stdout_that_takes_nothing(sandbox: Sandbox, verb: str, redirection: str) -> None:
    done = door(sandbox, verb, config(sandbox), redirection)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "2>&-", "2>/dev/full", ">&- 2>&-"])
def test_del_without_output(sandbox: Sandbox, redirection: str) -> None:
    """There is nothing to say: a DEL succeeds without stdout and stderr."""
    done = door(sandbox, "DEL", config(sandbox), redirection)
    assert (done.returncode, done.stdout) == (0, b"")


def test_error_without_stdout(sandbox: Sandbox) -> None:
    done = door(sandbox, "ADD", b"{", ">&-")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr


def test_version_without_stderr(sandbox: Sandbox) -> None:
    """Who takes no log gets an answer all the same."""
    for redirection in ("2>&-", "2>/dev/full"):
        done = door(sandbox, "VERSION", b"", redirection)
        assert (done.returncode, judge("VERSION", 0, done.stdout)["cniVersion"]) == (0, "1.1.0"), redirection


@pytest.mark.parametrize("name", ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_ARGS", "CNI_COMMAND"])
def test_bytes_that_are_no_text(sandbox: Sandbox, name: str) -> None:
    done = door(sandbox, "ADD", config(sandbox), **{name: os.fsdecode(b"\xff\xfe")})
    assert judge("ADD", done.returncode, done.stdout)["code"] in {3, 4}


@pytest.mark.parametrize("stdin", [b"", b"\xff", b"null", b"[]", b"{}", b"0", b'{"cniVersion": "9"}', b"[" * 100_000])
def test_malformed_through_the_door(sandbox: Sandbox, stdin: bytes) -> None:
    for verb in ("ADD", "DEL"):
        done = door(sandbox, verb, stdin)
        assert judge(verb, done.returncode, done.stdout)["code"] in {1, 6, 7}


def outside(directory: Path) -> dict[str, tuple[str, int]]:
    """Paths that are no container's namespace, each with the code that an ADD answers."""
    (directory / "file").write_text("")
    (directory / "directory").mkdir(exist_ok=True)
    if not (directory / "fifo").exists():
        os.mkfifo(directory / "fifo")
        (directory / "dangling").symlink_to(directory / "nowhere")
        (directory / "loop").symlink_to(directory / "loop")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(directory / "socket"))
    made = {name: (str(directory / name), 8) for name in ("file", "directory", "fifo", "socket")}
    return made | {
        "nothing": (str(directory / "nowhere"), 3),
        "dangling link": (str(directory / "dangling"), 3),
        "below a file": (str(directory / "file" / "net"), 3),
        "process that is gone": ("/proc/4194305/ns/net", 3),
        "mount namespace": ("/proc/self/ns/mnt", 8),
        "device": ("/dev/zero", 8),
        "relative path": ("nowhere/else", 3),
        "loop": (str(directory / "loop"), 4),
        "long path": ("/x" * 4000, 4),
    }


@pytest.mark.parametrize("verb", ["ADD", "CHECK", "DEL"])
def test_paths_that_are_no_namespace(sandbox: Sandbox, verb: str) -> None:
    for name, (path, code) in outside(sandbox.directory).items():
        before = sandbox.left()
        stdin = config(sandbox)
        if verb == "CHECK":
            stdin = json.dumps(json.loads(stdin) | {"prevResult": {"cniVersion": "1.1.0"}}).encode()
        status, stdout = sandbox.call(variables(sandbox, verb, CNI_NETNS=path), stdin)
        document = judge(verb, status, stdout)
        if verb == "DEL":
            assert status == 0, f"{name}: {document}"
        else:
            assert document["code"] == code, f"{name}: {document}"
        assert sandbox.left() == before


@pytest.mark.parametrize("verb", ["ADD", "CHECK", "DEL"])
def test_own_namespace(sandbox: Sandbox, verb: str) -> None:
    """The caller's own namespace is no container's, by whatever path."""
    before = sandbox.left()
    for path in (sandbox.own_netns, "/proc/thread-self/ns/net"):
        stdin = json.dumps(json.loads(config(sandbox)) | {"prevResult": {"cniVersion": "1.1.0"}}).encode()
        status, stdout = sandbox.call(variables(sandbox, verb, CNI_NETNS=path), stdin)
        assert judge(verb, status, stdout)["code"] == 8
    assert sandbox.left() == before


MISSING = [
    ("ADD", "CNI_CONTAINERID"), ("ADD", "CNI_NETNS"), ("ADD", "CNI_IFNAME"),
    ("CHECK", "CNI_CONTAINERID"), ("CHECK", "CNI_NETNS"), ("CHECK", "CNI_IFNAME"),
    ("DEL", "CNI_CONTAINERID"), ("DEL", "CNI_IFNAME"), ("GC", "CNI_PATH"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "name"), MISSING)
@pytest.mark.parametrize("value", [None, ""])
def test_missing_variable(sandbox: Sandbox, verb: str, name: str, value: str | None) -> None:
    status, stdout = sandbox.call(variables(sandbox, verb, **{name: value}), config(sandbox))
    document = judge(verb, status, stdout)
    assert (document["code"], document["msg"]) == (4, f"required env variables [{name}] missing")


@pytest.mark.parametrize("verb", ["ADD", "CHECK", "DEL", "STATUS", "VERSION"])
def test_cni_path_is_not_needed(sandbox: Sandbox, verb: str) -> None:
    status, stdout = sandbox.call(variables(sandbox, verb, CNI_PATH=None), b"{")
    assert status == 0 or judge(verb, status, stdout)["code"] == 6


@pytest.mark.parametrize("command", ["", "add", "ADD ", "UPDATE", "\udcff", "A" * 10_000])
def test_unknown_command(sandbox: Sandbox, command: str) -> None:
    status, stdout = sandbox.call(variables(sandbox, command), config(sandbox))
    document = judge(command, status, stdout)
    assert (document["code"], document["msg"]) == (4, f"unknown CNI_COMMAND: {command}")
