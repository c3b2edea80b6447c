"""A kill, or a refusal by the kernel, at every system call of ADD, DEL and GC: no address in use is ever free.

CNI_MACVLAN_FAILPOINTS says how many are tried of each call, drawn by the seed that is printed, or "all": many minutes.
"""

from __future__ import annotations

import os
import random
import signal
from typing import TYPE_CHECKING, Final

import pytest

from tests.crash import remains
from tests.crash.failpoints import KILL, Failpoint, counting, failpoints

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.crash.preload import Outcome
    from tests.crash.stage import Stage

WANTED: Final = os.environ.get("CNI_MACVLAN_FAILPOINTS", "16")
SEED: Final = int(os.environ.get("CNI_MACVLAN_SEED", random.SystemRandom().randrange(1 << 16)))
INTERNAL: Final = 999


@pytest.mark.timeout(300 if WANTED.isdigit() else 7200)
@pytest.mark.parametrize("verb", ["ADD", "DEL", "GC"])
@pytest.mark.parametrize("kind", ["dual stack pool", "host-local role"])
def test_failpoints(stage_of: Callable[[str], Stage], tmp_path: Path, kind: str, verb: str) -> None:
    stage = stage_of(kind)
    points = list(failpoints(traced(stage, verb, tmp_path / "trace")))
    if WANTED.isdigit():
        points = random.Random(f"{SEED} {kind} {verb}").sample(points, int(WANTED))  # noqa: S311 - to be repeated
    wrong = []
    for point in points:
        for text in tried(stage, verb, point):
            print(text, flush=True)  # noqa: T201
            wrong.append(text)
    print(f"CNI_MACVLAN_SEED={SEED}: {len(points)} failpoints of {verb}, {kind}: {len(wrong)} wrong")  # noqa: T201
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("verb", ["DEL", "GC"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_namespace_that_does_not_say_what_it_is_is_not_gone(
    stage_of: Callable[[str], Stage], verb: str, number: int
) -> None:
    stage = stage_of("dual stack pool")
    assert tried(stage, verb, Failpoint("ioctl", number, "ENOMEM", lasting=True)) == []


def traced(stage: Stage, verb: str, file: Path) -> list[str]:
    """What an undisturbed call calls, which is not the first of its kind."""
    for _ in range(2):
        prepare(stage, verb)
        stage.call(verb, fault={"kind": "trace", "words": counting(str(file))}).expect()
    stage.call("DEL").expect()
    return file.read_text().splitlines()


def prepare(stage: Stage, verb: str) -> None:
    stage.call("DEL").expect()
    if verb != "ADD":
        stage.call("ADD").expect()


def tried(stage: Stage, verb: str, point: Failpoint) -> list[str]:
    """What is wrong after a call that fails at a point, and after the DEL behind it."""
    prepare(stage, verb)
    answer = stage.call(verb, fault={"kind": "trace", "words": point.words})
    wrong = [*of_answer(answer, point), *of_node(stage, verb, answer, point)]
    again = stage.call("DEL")
    if again.status or stage.state() != stage.before:
        wrong.append(f"after DEL {again.stdout} there is {stage.state()}")
    return [f"{verb}, {point}: {each}" for each in wrong]


def of_answer(answer: Outcome, point: Failpoint) -> list[str]:
    """Every call that is not killed answers, and no refusal is a bug."""
    if answer.status == -signal.SIGKILL:
        return [] if point.what == KILL else ["it was killed"]
    is_only_logs = "--- Logging error ---" in answer.stderr  # a line of the log that could not be written
    if answer.status not in {0, 1} or ("Traceback" in answer.stderr and not is_only_logs):
        return [f"status {answer.status}: {answer.stdout} {answer.stderr}"]
    cannot_answer = point.name == "write" and not answer.stdout
    if answer.status and not cannot_answer and answer.code == INTERNAL:
        return [answer.stdout]
    return []


def of_node(stage: Stage, verb: str, answer: Outcome, point: Failpoint) -> list[str]:
    """The answer is so in the kernel; a failed ADD leaves nothing; and no address is free while its interface lives."""
    is_there = stage.whom.ifname in remains.kernel(stage.container.path)["links"]
    is_held = holds_lease(stage)
    wrong = []
    if is_there and not is_held:
        wrong.append("an address is free and its interface is there")
    if answer.status == 0 and (is_there, is_held) != ((True, True) if verb == "ADD" else (False, False)):
        wrong.append(f"success, but link {is_there} and lease {is_held}")
    undone = verb == "ADD" and answer.status == 1 and not point.lasting
    if undone and (is_there or is_held):
        wrong.append(f"failed and not undone, link {is_there} and lease {is_held}: {answer.stdout}")
    return wrong


def holds_lease(stage: Stage) -> bool:
    """Whether an address is taken, in the database or in the directory."""
    directory = stage.preload.data_dir / stage.preload.lan.network
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    files = [name for name in names if name != "lock" and not name.startswith("last_reserved_ip.")]
    return bool(files) or remains.rows(stage.preload.state_dir)["lease"] > 0
