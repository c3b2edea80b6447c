"""What the launcher leaves to Python, and what it says where there is none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.launcher.launched import finish

if TYPE_CHECKING:
    from tests.launcher.launched import Launcher

PYTHON_DOOR = Path(__file__).resolve().parents[2] / "cni-macvlan-py"
WITNESS = """#!/bin/sh
printf '%s|' "$CNI_MACVLAN_CALLED_AS" "$@"
cat
exit 7
"""


def make_door(launcher: Launcher) -> None:
    launcher.door.write_text(WITNESS)
    launcher.door.chmod(0o755)


@pytest.mark.parametrize("agent_is", ["missing", "not wanted", "dead", "no socket", "a datagram socket", "too long"])
def test_without_an_agent_the_python_door_takes_over(launcher: Launcher, agent_path: Path, agent_is: str) -> None:
    make_door(launcher)
    place: Path | str = agent_path
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        if agent_is == "not wanted":
            place = ""
        elif agent_is == "dead":
            dead.bind(str(agent_path))
        elif agent_is == "no socket":
            agent_path.write_text("")
        elif agent_is == "a datagram socket":
            other.bind(str(agent_path))
        elif agent_is == "too long":
            place = "/" + "x" * 200
        outcome = launcher.call(place, b"the whole stdin", arguments=("one", "two"))
    assert (outcome.status, outcome.stderr) == (7, b"")
    assert outcome.stdout == f"{launcher.executable}|one|two|the whole stdin".encode()


def test_without_agent_and_door_it_says_so(launcher: Launcher, agent_path: Path) -> None:
    error = launcher.call(agent_path, variables={"CNI_COMMAND": "VERSION"}).error()
    assert error["code"] == 11
    assert str(agent_path) in error["details"].replace('"', "")
    assert str(launcher.door) in error["details"]
    assert "No such file or directory" in error["details"]


def test_a_directory_for_stdin_is_refused_before_python_is(launcher: Launcher) -> None:
    """Python does not start with one, and so says nothing that a runtime could read."""
    make_door(launcher)
    directory = os.open("/", os.O_RDONLY)
    error = finish(launcher.start("", stdin=directory)).error()
    os.close(directory)
    assert (error["code"], error["msg"]) == (5, "error reading from stdin: [Errno 21] Is a directory")


def test_an_error_is_json_whatever_the_path(launcher: Launcher) -> None:
    assert launcher.call('/\x01\n"\\\udcff\u00e9' * 30).code() == 11


def test_a_launcher_in_the_doors_place_does_not_execute_itself(launcher: Launcher) -> None:
    launcher.door.symlink_to(launcher.executable)
    assert "itself" in launcher.call("").error()["details"]


def test_the_command_line_is_pythons(launcher: Launcher) -> None:
    make_door(launcher)
    command = [str(launcher.executable), "leases", "--help"]
    done = subprocess.run(command, env={}, input=b"in", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (7, f"{launcher.executable}|leases|--help|in".encode())


def test_without_python_it_says_what_it_is(launcher: Launcher) -> None:
    about, python, command = (
        subprocess.run(
            words, env={"PATH": os.environ["PATH"], "CNI_COMMAND": ""}, capture_output=True, timeout=60, check=False
        )
        for words in (
            [str(launcher.executable)],
            [sys.executable, "-IS", str(PYTHON_DOOR)],
            [str(launcher.executable), "leases"],
        )
    )
    assert (about.returncode, about.stdout, about.stderr) == (0, b"", python.stderr)
    assert (command.returncode, command.stdout) == (2, b"")
    assert b"leases: needs Python" in command.stderr


def test_descriptors_of_the_launcher_do_not_reach_the_door(launcher: Launcher, agent_path: Path) -> None:
    launcher.door.write_text("#!/bin/sh\nexec ls -l /proc/self/fd\n")
    launcher.door.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(agent_path))
        outcome = launcher.call(agent_path)
    assert outcome.status == 0
    assert b"socket:" not in outcome.stdout
    assert b"net:" not in outcome.stdout
