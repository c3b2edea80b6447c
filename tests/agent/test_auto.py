"""``agent = "auto"``: a call that finds no agent does its own work and leaves one behind for the next."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent import process
from tests.agent.process import until
from tests.agent.protocol import Conversation, Spoken
from tests.runtime import DOOR, REPOSITORY
from tests.ways import Executed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lan import Lan
    from tests.runtime import Runtime

POOL = {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24"}]]}
ONE_CALL = 60.0  # seconds, far below the ten minutes that the agent stays


@pytest.fixture
def place(runtime: Runtime, lan: Lan, tmp_path: Path) -> Iterator[Path]:
    """Where the agent will be; whoever is left there in the end is ended."""
    runtime.settings.write_text(f'state_dir = "{runtime.state_dir}"\nagent = "auto"\n')
    path = tmp_path / "agent.sock"
    runtime.way = Executed(str(path))
    yield path
    for pid in agents_of(path):
        os.kill(pid, signal.SIGTERM)
    until(lambda: not agents_of(path) and not lan.node.processes(), "it ends")
    assert not path.exists()


def agents_of(path: Path) -> list[int]:
    """The processes that were started to be the agent there."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if b"agent" in command and f"CNI_MACVLAN_AGENT_SOCKET={path}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError):  # no process, or none any more
            continue
    return found


def agent_at(path: Path) -> int:
    """The process that listens there."""
    with Conversation(path) as conversation:
        credentials = conversation.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("=iII", credentials)[0])


def test_one_detached_agent_is_left(runtime: Runtime, lan: Lan, place: Path) -> None:
    container = lan.container()
    runtime.add(runtime.config(POOL), container).expect()
    until(place.exists, "an agent listens")
    (pid,) = agents_of(place)
    assert agent_at(place) == pid
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/cwd").resolve() == Path("/")
    held = process.descriptors(pid)
    assert held.count("/dev/null") == 3
    assert not [each for each in held if each.startswith(("pipe", str(runtime.directory)))]
    # it serves what comes next: this way has no other means
    runtime.way = Spoken(place)
    runtime.delete(runtime.config(POOL), container).expect()
    runtime.way = Executed(str(place))
    runtime.status(runtime.config(POOL, cniVersion="1.1.0")).expect()
    assert agents_of(place) == [pid]


def test_runtime_need_not_wait(runtime: Runtime, place: Path) -> None:
    """Pipes end with the call, those too that the runtime has left open by mistake."""
    stray, inherited = os.pipe()
    os.set_inheritable(inherited, True)  # noqa: FBT003 - the name tells
    done = subprocess.run(
        ["nsenter", f"--net={runtime.lan.node.path}", str(runtime.cni_path / "macvlan")],
        env={
            "PATH": os.environ["PATH"],
            "CNI_COMMAND": "STATUS",
            "CNI_PATH": str(runtime.cni_path),
            "CNI_MACVLAN_SETTINGS": str(runtime.settings),
            "CNI_MACVLAN_AGENT_SOCKET": str(place),
        },
        input=f'{{"cniVersion": "1.1.0", "name": "{runtime.lan.network}", "type": "macvlan", "master": "eth0"}}',
        capture_output=True, text=True, timeout=ONE_CALL, check=False, pass_fds=(inherited,), cwd=runtime.directory,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    os.close(inherited)
    assert select.select([stray], [], [], ONE_CALL)[0]
    assert os.read(stray, 1) == b""
    os.close(stray)
    until(place.exists, "an agent listens")


def test_calls_at_once_leave_one(runtime: Runtime, lan: Lan, place: Path) -> None:
    """Each finds none and leaves one; those take turns, and the last stays."""
    containers = [lan.container() for _ in range(4)]
    config = runtime.config(POOL)
    with ThreadPoolExecutor(4) as threads:
        for answer in threads.map(lambda each: runtime.add(config, each), containers):
            answer.expect()
        until(place.exists, "an agent listens")
        for answer in threads.map(lambda each: runtime.delete(config, each), containers):
            answer.expect()
    until(lambda: agents_of(place) == [agent_at(place)], "one stays, and it is the one that listens")


def test_nobody_is_left_where_no_agent_is_wanted(runtime: Runtime, lan: Lan, place: Path) -> None:
    runtime.way = Executed("")
    runtime.add(runtime.config(POOL), lan.container()).expect()
    assert agents_of(place) == []
    assert agents_of(Path()) == []


def test_agent_that_cannot_be_started(runtime: Runtime, lan: Lan, place: Path) -> None:
    """The answer is out, and stays a success."""
    runtime.settings.write_text(f'state_dir = "{runtime.state_dir}"\nagent = "auto"\nlog_level = "warning"\n')
    bare = runtime.directory / "bare"
    bare.mkdir()
    for name in ("conf", "ipam", "link", "plugin", "agent", "console", ".venv"):
        (bare / name).symlink_to(REPOSITORY / name)
    door = bare / "macvlan"
    door.write_bytes(DOOR.read_bytes())  # of mode 0644: nobody can execute it
    done = Executed(str(place), (sys.executable, "-IS")).call(
        door,
        lan.node.path,
        {
            "PATH": os.environ["PATH"],
            "CNI_COMMAND": "STATUS",
            "CNI_MACVLAN_SETTINGS": str(runtime.settings),
        },
        f'{{"cniVersion": "1.1.0", "name": "{lan.network}", "type": "macvlan", "master": "eth0"}}',
        runtime.directory,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "no agent could be left behind" in done.stderr
    assert not place.exists()
