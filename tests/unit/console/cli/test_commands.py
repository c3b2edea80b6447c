"""The list of commands: help, exit statuses, completion, and what is loaded for each."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from conf.versions import SUPPORTED
from console.cli.commands import COMMANDS
from console.cli.run import COMPLETE
from tests.cli.command import answered, call
from tests.runtime import DOOR

PEOPLES = {"click", "rich", "yaml"}
"""The packages that only people's commands need."""


def imported(*words: str) -> set[str]:
    """The packages and modules that a command line imports, as the interpreter itself tells."""
    done = subprocess.run(
        [sys.executable, "-ISv", DOOR, *words],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return set(re.findall(r"^import '([\w.]+)'", done.stderr, re.MULTILINE))


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["version"], 0, "CNI protocol versions supported: 0.1.0, "),
        (["--help"], 0, "128 and a signal's number"),
        (["-h"], 0, "demo attach two containers"),
        (["version", "--help"], 0, "what it runs on"),
        (["--version"], 0, "CNI protocol versions supported: 0.1.0, "),
        (["-V"], 0, "CNI protocol versions supported: 0.1.0, "),
        (["help"], 0, "demo attach two containers"),
        (["help", "leases", "release"], 0, "Release addresses by hand"),
        (["dance"], 2, "No such command 'dance'"),
        (["dem"], 2, "Did you mean 'demo'?"),
        (["demo", "--quietly"], 2, "No such option '--quietly'"),
        (["completion", "tcsh"], 2, "is not one of 'bash', 'zsh', 'fish'"),
        (["agent", "--loudly"], 2, "unrecognized arguments: --loudly"),
    ],
)
def test_what_is_said_and_how_it_ends(words: list[str], status: int, said: str) -> None:
    done = call(*words)
    assert done.returncode == status
    assert said in " ".join((done.stdout + done.stderr).split())
    assert bool(done.stdout) == (status == 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = call(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"cni-macvlan-py {name}" in done.stdout


@pytest.mark.parametrize("words", ["version", "schema", "--help", "agent --help"])
@pytest.mark.parametrize(
    ("where", "status", "said"), [(">&-", 0, ""), (">/dev/full", 1, ": [Errno 28] No space left on device\n")]
)
def test_an_output_that_is_closed_or_full(words: str, where: str, status: int, said: str) -> None:
    done = call(*words.split(), prefix=("sh", "-c", f'exec "$@" {where}', "sh"))
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == (f"cni-macvlan-py {words.split(maxsplit=1)[0]}{said}" if said else "")


def test_without_any_open_descriptor() -> None:
    done = call("lint", "-", prefix=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_without_words_it_says_what_it_is() -> None:
    done = call()
    version = answered("version")["version"]
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[:2] == [
        f"CNI macvlan plugin v{version}",
        f"CNI protocol versions supported: {', '.join(SUPPORTED)}",
    ]


def test_the_first_semantic_version_that_it_says_is_its_own() -> None:
    """By the grammar of semver.org, with the v that Go's programs write before it."""
    semantic = re.compile(r"v?((0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)")
    said = [match[1] for word in call().stderr.split() if (match := semantic.fullmatch(word))]
    assert said[0] == answered("version")["version"]


def test_version_for_programs() -> None:
    assert answered("version")["cniVersions"] == list(SUPPORTED)


@pytest.mark.parametrize("words", [(), ("agent", "--help")], ids=["about", "agent"])
def test_what_people_need_is_loaded_for_people_alone(words: tuple[str, ...]) -> None:
    modules = imported(*words)
    assert "console.cli" in modules
    assert {module.partition(".")[0] for module in modules} & PEOPLES == set()


def test_only_the_command_that_is_called_is_loaded() -> None:
    loaded = {f"console.cli.{name}" for name in COMMANDS}
    assert imported("version") & loaded == {"console.cli.version"}
    assert imported("--help") & loaded == set()


def test_bash_completes() -> None:
    """By the printed script, in a shell that finds us in its PATH."""
    script = """
        source <(cni-macvlan-py completion bash)
        ask() {
            COMPREPLY=() COMP_WORDS=(cni-macvlan-py "$@") COMP_CWORD=$#
            _cni_macvlan_py_completion cni-macvlan-py
            echo "${COMPREPLY[@]}"
        }
        ask ve; ask demo --j; ask agent --wo; ask completion z"""
    done = subprocess.run(
        ["bash", "-euc", script],
        env={"PATH": f"{DOOR.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["version", "--json", "--workers", "zsh"], "")


@pytest.mark.parametrize(
    ("shell", "asks"),
    [
        ("zsh", {"COMP_WORDS": "cni-macvlan-py ve", "COMP_CWORD": "1"}),
        ("fish", {"COMP_WORDS": "cni-macvlan-py", "COMP_CWORD": "ve"}),
    ],
)
def test_other_shells_complete(shell: str, asks: dict[str, str]) -> None:
    assert f"{COMPLETE}={shell}_complete" in call("completion", shell).stdout
    answer = call(variables={**asks, COMPLETE: f"{shell}_complete"})
    assert "version" in answer.stdout
    assert COMMANDS["version"] in answer.stdout
    assert "demo" not in answer.stdout
