"""What a call imports: answers that need nothing heavy are not to wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DOOR = Path(__file__).resolve().parent.parent / "cni-macvlan-py"

# package → why a call that is answered at once must not import it
HEAVY = {
    "pyroute2": "150 ms for a kernel that is not asked",
    "pydantic": "60 ms for a configuration that is not judged",
    "netaddr": "15 ms for addresses that nobody gives",
    "sqlite3": "5 ms for a database that is not opened",
    "logging": "10 ms for lines that are not written",
    "click": "40 ms for commands that nobody typed",
    "rich": "50 ms for tables that nobody reads",
    "yaml": "25 ms for manifests that no runtime sends",
}
RIGHT = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/none", "CNI_IFNAME": "net1"}
CALLS: dict[str, tuple[dict[str, str], str, int]] = {
    "VERSION": ({"CNI_COMMAND": "VERSION"}, '{"cniVersion": "1.0.0"}', 0),
    "VERSION without stdin": ({"CNI_COMMAND": "VERSION"}, "", 0),
    "VERSION as podman asks": ({"CNI_COMMAND": "VERSION", "CNI_NETNS": "dummy", "CNI_ARGS": "A=B"}, "{}", 0),
    "bad JSON": (RIGHT, "{", 1),
    "no object": (RIGHT, "[]", 1),
    "unknown command": ({"CNI_COMMAND": "UPDATE"}, "{}", 1),
    "missing variable": ({"CNI_COMMAND": "ADD"}, "{}", 1),
    "bad container id": (RIGHT | {"CNI_CONTAINERID": "a/b"}, "{}", 1),
    "bad interface name": (RIGHT | {"CNI_IFNAME": "a:b"}, "{}", 1),
    "no name": (RIGHT, '{"cniVersion": "1.0.0"}', 1),
    "bad name": (RIGHT, '{"cniVersion": "1.0.0", "name": "a/b"}', 1),
    "name is no string": (RIGHT, '{"cniVersion": "1.0.0", "name": 7}', 1),
    "unsupported version": (RIGHT, '{"cniVersion": "9.9.9", "name": "n"}', 1),
    "version is no string": (RIGHT, '{"cniVersion": 1, "name": "n"}', 1),
    "verb of a later version": (RIGHT | {"CNI_COMMAND": "CHECK"}, '{"cniVersion": "0.3.1", "name": "n"}', 1),
}


def imported(variables: dict[str, str], stdin: str) -> tuple[int, set[str]]:
    """Exit status of the door and the packages that it imported, as the interpreter itself tells."""
    done = subprocess.run(
        [sys.executable, "-IS", "-X", "importtime", str(DOOR)],
        env={"PATH": os.environ["PATH"], "CNI_MACVLAN_AGENT_SOCKET": ""} | variables,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done.returncode, {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_a_call_imports_nothing_that_few_ask_for() -> None:
    """An ADD that comes as far as the container's namespace, and finds none."""
    status, packages = imported(RIGHT, '{"cniVersion": "1.0.0", "name": "n", "type": "macvlan", "master": "lo"}')
    assert status == 1
    assert packages >= {"netaddr", "pydantic", "sqlite3", "logging"}
    assert (
        packages & {"pyroute2", "tomllib", "click", "rich", "yaml", "prometheus_client", "http", "ssl", "argparse"}
        == set()
    )


@pytest.mark.parametrize(("variables", "stdin", "status"), CALLS.values(), ids=CALLS.keys())
def test_nothing_heavy_is_imported(variables: dict[str, str], stdin: str, status: int) -> None:
    answered, packages = imported(variables, stdin)
    assert answered == status
    assert "conf" in packages, "the interpreter did not tell what it imported"
    assert {name: HEAVY[name] for name in packages & set(HEAVY)} == {}
