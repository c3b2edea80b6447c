"""What fails in `.ci/run` runs again once, alone, after the rest; and what is made of a test that passes then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PARALLEL = ("--numprocesses=2",)
# Nothing but what is asked for: each run loads its plugins anew.
PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin,pytest_cov.plugin"}
CI = Path(__file__).parents[2] / ".ci"
HEAD = """
import os, time
from pathlib import Path
import pytest

HERE = Path(__file__).parent

def note(name):
    with (HERE / "order").open("a") as file:
        file.write(f"{name} {'alone' if 'PYTEST_XDIST_WORKER' not in os.environ else 'beside others'}\\n")

def first_time(name):
    try:
        (HERE / f"{name}.seen").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
"""
GOOD = """
def test_good():
    note("good")
"""
FLAKY = """
def test_flaky():
    note("flaky")
    if first_time("flaky"):
        raise TimeoutError("no answer in 3.5 s")
"""
OTHER_FLAKY = """
def test_other_flaky():
    if first_time("other"):
        raise ValueError("nonsense")
"""
BAD = """
def test_bad():
    note("bad")
    raise ValueError("still nonsense")
"""


class Run:
    """Runs of pytest over one file of tests, and what is made of them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.record = place / "tested"
        self.record.touch()
        self.status = 0
        (place / "pytest.ini").write_text("[pytest]\n")

    def test(self, *tests: str, options: tuple[str, ...] = ()) -> str:
        """Run the tests, and tell what was printed."""
        (self.place / "test_it.py").write_text("".join([HEAD, *tests]))
        done = self._execute(CI / "again", "--quiet", *options)
        self.status = self.status or done.returncode
        return done.stdout

    def order(self) -> list[str]:
        """The tests in the order in which they ran, each with its company."""
        return (self.place / "order").read_text().splitlines()

    def judge(self) -> list[str]:
        """The last lines; the run's status becomes that of the judgement."""
        done = self._execute(CI / "verdict", self.record, str(self.status))
        assert done.stderr == ""
        self.status = done.returncode
        return done.stdout.splitlines()

    def _execute(self, script: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, script, *words],
            cwd=self.place,
            env={"PATH": os.environ["PATH"], "TESTED": str(self.record)} | PLUGINS,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_what_passes_runs_once(run: Run) -> None:
    assert "== again" not in run.test(GOOD)
    assert run.judge() == ["1 passed, 0 failed"]
    assert run.status == 0
    assert run.order() == ["good alone"]


def test_what_fails_runs_again_after_the_rest_and_alone(run: Run) -> None:
    said = run.test(FLAKY, GOOD, options=PARALLEL)
    assert "== again, alone: test_it.py::test_flaky" in said
    assert sorted(run.order()[:2]) == ["flaky beside others", "good beside others"]
    assert run.order()[2:] == ["flaky alone"]
    name, how, last = run.judge()
    assert name == "UNSTABLE test_it.py::test_flaky"
    assert how.endswith(": TimeoutError: no answer in 3.5 s")
    assert last == "2 passed, 0 failed"
    assert run.status == 0


def test_what_fails_twice_is_red(run: Run) -> None:
    run.test(BAD, FLAKY, GOOD)
    assert run.status == 1
    assert run.order() == ["bad alone", "flaky alone", "good alone", "bad alone", "flaky alone"]
    said = run.judge()
    assert "UNSTABLE test_it.py::test_flaky" in said
    assert "FAILED test_it.py::test_bad" in said
    assert said[-1] == "2 passed, 1 failed"
    assert run.status == 1


def test_two_that_have_nothing_in_common_are_green(run: Run) -> None:
    run.test(FLAKY, OTHER_FLAKY)
    assert [line.split()[1] for line in run.judge() if line.startswith("UNSTABLE")] == [
        "test_it.py::test_flaky",
        "test_it.py::test_other_flaky",
    ]
    assert run.status == 0


def test_three_are_red_whatever_they_are(run: Run) -> None:
    run.test(FLAKY, OTHER_FLAKY, "\ndef test_third():\n    assert not first_time('third')\n")
    assert run.status == 0, "each of them passed"
    *_, reason, last = run.judge()
    assert reason == "RED 3 tests are unstable"
    assert last == "0 passed, 3 failed"
    assert run.status == 1


@pytest.mark.parametrize(
    ("tests", "reason"),
    [
        (
            FLAKY + FLAKY.replace("flaky", "second").replace("3.5", "17"),
            "unstable twice in one way: TimeoutError: no answer in * s",
        ),
        (
            """
@pytest.mark.parametrize("error", [ValueError, KeyError])
def test_flaky(error):
    if first_time(error.__name__):
        raise error("x")
""",
            "unstable twice in one way: test_it.py::test_flaky",
        ),
        (
            """
@pytest.fixture
def clean():
    yield
    assert not (HERE / "dirt").exists()

def make_dirt(name):
    (HERE / "dirt").unlink(missing_ok=True)
    if first_time(name):
        (HERE / "dirt").touch()

def test_one(clean):
    make_dirt("one")

def test_two(clean):
    make_dirt("two")
""",
            "unstable twice in one way: assert at test_it.py:22",
        ),
    ],
    ids=["words", "function", "place"],
)
def test_a_failure_of_one_kind_twice_is_red(run: Run, tests: str, reason: str) -> None:
    run.test(tests)
    *_, said, last = run.judge()
    assert said == f"RED {reason}"
    assert last == "0 passed, 2 failed"
    assert run.status == 1


def test_asserts_at_two_places_are_of_two_kinds(run: Run) -> None:
    run.test("".join(f"\ndef test_{name}():\n    assert not first_time('{name}')\n" for name in ("one", "two")))
    assert run.judge()[-1] == "2 passed, 0 failed"
    assert run.status == 0


def test_one_test_in_two_passes_is_red(run: Run) -> None:
    for _ in range(2):
        run.test(FLAKY)
        (run.place / "flaky.seen").unlink()
    assert run.judge()[-2:] == [
        "RED unstable twice in one way: test_it.py::test_flaky",
        "0 passed, 2 failed",
    ]


def test_a_test_that_kills_its_process_runs_again(run: Run) -> None:
    run.test("\ndef test_killer():\n    if first_time('killer'):\n        os._exit(1)\n", GOOD, options=PARALLEL)
    name, how, last = run.judge()
    assert name == "UNSTABLE test_it.py::test_killer"
    assert "crashed while running" in how
    assert last == "2 passed, 0 failed"


def test_a_whole_folder_that_fails_does_not_run_again(run: Run) -> None:
    said = run.test("\n@pytest.mark.parametrize('n', range(11))\ndef test_bad(n):\n    assert False\n")
    assert "== again" not in said
    assert run.judge()[-1] == "0 passed, 11 failed"
    assert run.status == 1


def test_tests_that_cannot_be_found_are_red(run: Run) -> None:
    assert "== again" not in run.test("\nimport nothing_of_that_name\n")
    said = run.judge()
    assert said[0] == "FAILED test_it.py"
    assert said[-1].endswith("1 failed")
    assert run.status == 1


def test_a_run_that_ended_before_its_tests_is_red(run: Run) -> None:
    run.test(GOOD, options=("--no-such-option",))
    assert run.status == 4
    assert run.judge() == ["RED the run ended with status 4 before the tests did", "0 passed, 1 failed"]
    assert run.status == 1


def test_what_failed_is_named_when_pytest_itself_ends_in_an_error(run: Run) -> None:
    (run.place / "conftest.py").write_text("def pytest_sessionfinish():\n    raise OSError('busy')\n")
    run.test(GOOD, BAD)
    name, _, last = run.judge()
    assert (name, last) == ("FAILED test_it.py::test_bad", "1 passed, 1 failed")
    assert run.status != 0


def test_options_and_not_files_are_kept_when_a_test_runs_again(run: Run) -> None:
    said = run.test(FLAKY, GOOD, options=("-k", "flaky or good", "-vv", "--durations=7", "test_it.py"))
    assert said.count("slowest 7 durations") == 1
    assert run.order() == ["flaky alone", "good alone", "flaky alone"]
    assert run.judge()[-1] == "2 passed, 0 failed"
