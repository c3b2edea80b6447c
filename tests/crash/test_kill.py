"""Calls killed with SIGKILL at every step of theirs: what comes next finds its way and leaves nothing.

An instant is a step (right before the n-th call of a C function that has an effect outside of the process) or a
moment of the measured duration, which also falls into the middle of a commit.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from ipam.store.witness import forget
from tests.crash import remains
from tests.crash.stage import ORPHAN_SECONDS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.preload import Preload

INSTANTS = 54
FEWER_INSTANTS = 20
DOOR_INSTANTS = 10


def by_del(stage: Stage, when: str) -> None:
    """A runtime calls DEL after a failed ADD."""
    answer = stage.call("DEL")
    assert (answer.status, answer.stdout) == (0, ""), f"{when}: {answer.stdout}"


def by_gc(stage: Stage, when: str) -> None:
    """A runtime that has forgotten the container says so by GC."""
    answer = stage.call("GC")
    assert (answer.status, answer.stdout) == (0, ""), f"{when}: {answer.stdout}"


def by_next_add(stage: Stage, when: str) -> None:
    """A runtime tries again at once; only a finished attachment is in the way."""
    finished = remains.alias(stage.container.path, stage.whom.ifname)
    answer = stage.call("ADD")
    if finished:
        assert answer.code == 103, f"{when}: {answer.stdout}"
    else:
        assert answer.status == 0, f"{when}: {answer.stdout}"
    by_del(stage, when)


WAYS = {"DEL": by_del, "GC": by_gc, "ADD": by_next_add}


def spread(count: int, number: int, offset: float) -> list[int]:
    """Up to ``number`` of the instants 1…count, evenly; the offset, below 1, shifts them."""
    if count <= number:
        return list(range(1, count + 1))
    return sorted({1 + int((each + offset) * count / number) for each in range(number)})


@pytest.mark.parametrize("way", WAYS)
def test_add_killed_at_a_step(stage: Stage, way: str) -> None:
    stage.call("ADD").expect()
    stage.call("DEL").expect()
    count = stage.usual_steps("ADD", then="DEL")
    for number in spread(count, INSTANTS, list(WAYS).index(way) / len(WAYS)):
        when = f"{stage.killed_at('ADD', number)}, of {count}; then {way}"
        WAYS[way](stage, when)
        stage.require_clean(when)


def test_add_killed_at_a_moment(stage: Stage) -> None:
    stage.call("ADD").expect()
    stage.call("DEL").expect()
    duration = stage.call("ADD").seconds
    stage.call("DEL").expect()
    for number in range(INSTANTS):
        moment = duration * number / INSTANTS
        stage.call("ADD", kill_after=moment)
        way = list(WAYS)[number % len(WAYS)]
        when = f"ADD killed after {moment * 1000:.1f} of {duration * 1000:.1f} ms; then {way}"
        WAYS[way](stage, when)
        stage.require_clean(when)


def test_real_door_killed_at_a_moment(stage: Stage) -> None:
    def add(kill_after: float | None) -> float:
        variables = stage.preload.environment("ADD", stage.whom, stage.path)
        began = time.monotonic()
        with subprocess.Popen(
            ["nsenter", f"--net={stage.preload.lan.node.path}", str(stage.preload.plugin)],
            env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as door:  # fmt: skip
            assert door.stdin
            door.stdin.write(json.dumps(stage.config).encode())
            door.stdin.close()
            if kill_after is not None:
                time.sleep(max(0.0, began + kill_after - time.monotonic()))
                door.kill()
            door.wait(timeout=60)
        return time.monotonic() - began

    add(None)
    stage.call("DEL").expect()
    duration = add(None)
    stage.call("DEL").expect()
    # most of the first part is the import of the plugin, which has no effect
    for number in range(DOOR_INSTANTS):
        moment = duration * (0.4 + 0.7 * number / DOOR_INSTANTS)
        add(moment)
        stage.wait_for_orphans()
        way = list(WAYS)[number % len(WAYS)]
        when = f"the door killed after {moment * 1000:.0f} of {duration * 1000:.0f} ms; then {way}"
        WAYS[way](stage, when)
        stage.require_clean(when)


@pytest.mark.parametrize("kind", ["IPv4 pool", "host-local role"])
@pytest.mark.parametrize("way", WAYS)
def test_first_add_of_a_node_killed_at_a_step(
    preload: Preload, stage_of: Callable[[str], Stage], kind: str, way: str
) -> None:
    """The call that is killed is the one that makes the directories, the database and its tables."""
    stage = stage_of(kind)
    made_once = stage.before | {"rows": {"attachment": 0, "lease": 0}, "files": []}

    def forget_the_node() -> None:
        shutil.rmtree(preload.state_dir, ignore_errors=True)
        forget(str(preload.state_dir))
        shutil.rmtree(preload.data_dir, ignore_errors=True)

    forget_the_node()
    count = stage.steps("ADD")
    stage.call("DEL").expect()
    for number in spread(count, FEWER_INSTANTS, list(WAYS).index(way) / len(WAYS)):
        forget_the_node()
        when = f"first {stage.killed_at('ADD', number)}, of {count}; then {way}"
        WAYS[way](stage, when)
        assert stage.state() == made_once, when


@pytest.mark.parametrize("verb", ["DEL", "GC"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["dual stack pool", "host-local role", "foreign IPAM plugin"])
def test_detaching_killed_at_a_step(stage_of: Callable[[str], Stage], kind: str, verb: str, way: str) -> None:
    stage = stage_of(kind)
    stage.call("ADD").expect()
    count = stage.usual_steps(verb, then="ADD")
    stage.call("DEL").expect()
    for number in spread(count, FEWER_INSTANTS, list(WAYS).index(way) / len(WAYS)):
        stage.call("ADD").expect()
        when = f"{stage.killed_at(verb, number)}, of {count}; then {way}"
        WAYS[way](stage, when)
        stage.require_clean(when)


@pytest.mark.parametrize("kind", ["dual stack pool", "host-local role", "foreign IPAM plugin"])
@pytest.mark.parametrize("verb", ["DEL", "GC"])
def test_container_gone_after_its_add_was_killed(stage_of: Callable[[str], Stage], kind: str, verb: str) -> None:
    """The runtime gives the container up, and its namespace is gone when it says so."""
    first = stage_of(kind)
    count = first.usual_steps("ADD", then="DEL")
    for number in spread(count, FEWER_INSTANTS // 2, 0.5):
        stage = stage_of(kind)
        when = f"{stage.killed_at('ADD', number)}, of {count}; container gone; then {verb}"
        assert stage.container.remove() == [], when
        stage.call(verb).expect()
        first.require_clean(when)


def test_delegate_that_outlives_the_killed_add(preload: Preload, stage_of: Callable[[str], Stage]) -> None:
    """A slow IPAM plugin goes on when its caller is killed: the DEL that follows must not come too early."""
    stage = stage_of("foreign IPAM plugin")
    slow = preload.bin / "slow"
    slow.mkdir()
    executable = slow / "host-local"
    at_work = slow / "at-work"
    executable.write_text(f"""#!/bin/sh
[ "$CNI_COMMAND" = ADD ] && touch {at_work} && sleep 1
exec {stage.path}/host-local
""")
    executable.chmod(0o755)
    stage.path = str(slow)
    environment = stage.preload.environment("ADD", stage.whom, stage.path)
    with subprocess.Popen(
        ["nsenter", f"--net={preload.lan.node.path}", str(preload.plugin)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as door:  # fmt: skip
        assert door.stdin
        door.stdin.write(json.dumps(stage.config).encode())
        door.stdin.close()
        deadline = time.monotonic() + ORPHAN_SECONDS
        while not at_work.exists():
            assert time.monotonic() < deadline, "the IPAM plugin was not started"
            time.sleep(0.01)
        door.kill()
    stage.call("DEL").expect()
    stage.wait_for_orphans()
    stage.require_clean("ADD killed while its IPAM plugin was at work; then DEL")
