"""Walks a node, batch after batch, and has each judged; whatever it makes ends with its own namespaces."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.soak.actions import NETWORKS, Walk
from tests.soak.history import History
from tests.soak.judge import Violation, judge, settled
from tests.soak.model import Model
from tests.soak.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.actions import Batch
    from tests.soak.history import Step

OWN: Final = ("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Mounts and processes of its own: the kernel removes all of them with the machine, however that ends."""
PLACE: Final = Path("/run")
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
DISK: Final = "6m"
DISTURBING: Final = {"kill agent", "starve agent", "rescue"}
MINUTE: Final = 60.0


@dataclass
class Machine:
    """One walk, for so many seconds or until it is interrupted."""

    seed: int
    seconds: float
    say: Callable[[str], None]
    """Told when the node is there, and each minute how it goes."""
    without: frozenset[str] = frozenset()
    """Kinds of events that do not happen."""
    counted: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Raise Violation, with the history and the state of the node in its notes."""
        directory = _prepare()
        self.history = History(directory / "history")
        self.model = Model()
        self.node = Node(directory, directory / "boot_id")
        self.began = time.monotonic()
        self.say("walking")
        told = self.began
        for batch in Walk(self.seed).batches():
            if time.monotonic() - self.began > self.seconds:
                return
            if time.monotonic() - told > MINUTE:
                told = time.monotonic()
                self.say(self.progress())
            try:
                self._go(batch)
            except AssertionError as error:  # something of the node does not end, or ended by itself
                violation = Violation(str(error), set())
                self._explain(violation)
                raise violation from error
            except Violation as violation:
                self._explain(violation)
                raise

    def _go(self, batch: Batch) -> None:
        batch = replace(batch, events=tuple(event for event in batch.events if event.kind not in self.without))
        if not (batch.events or batch.calls):
            return
        kinds = {event.kind for event in batch.events}
        self._together(batch, events_first="vanish" in kinds)  # DEL comes when the container is gone
        if "settle" in kinds:
            self._settle()

    def _together(self, batch: Batch, *, events_first: bool) -> None:
        with ThreadPoolExecutor(3) as threads:
            events = [threads.submit(self.node.happen, event) for event in batch.events]
            if events_first:
                for event in events:
                    event.result()
            with self.node.held(batch.held):
                calls = [threads.submit(self.node.call, call) for call in batch.calls]
                wait([call for call, made in zip(calls, batch.calls, strict=True) if made.verb != "GC"])
            steps = [each.result() for each in (*events, *calls)]
        is_disturbed = _is_disturbed(batch)
        self._judge([replace(step, disturbed=step.disturbed or is_disturbed) for step in steps])

    def _judge(self, steps: list[Step]) -> None:
        for step in steps:
            self.counted[step.verb or step.action.kind] += 1  # type: ignore[union-attr] # the one or the other
            if step.outcome is not None and not step.ok:
                self.counted[f"code {step.outcome.code}" if not step.killed else "killed"] += 1
        self.history.add(steps)
        self.node.rest()
        lives = self.model.follow(steps)
        # Who has used a harmed database without a word has vouched for it.
        vouched = any(step.ok and step.verb in {"ADD", "DEL", "GC"} for step in steps)
        survey = self.node.look(vouched=vouched)
        self.model.meet(survey)
        judge(self.model, steps, lives, survey, self.node.missing)

    def _settle(self) -> None:
        """GC with the right list in every network leaves exactly what lives."""
        before = self.node.look()
        living = frozenset(self.model.owners[each.mac] for each in before.interfaces)
        self.node.tidy(living)
        for network in NETWORKS:
            self._judge([self.node.right_gc(network, living)])
        settled(before, self.node.look(), self.model.owners)

    def _explain(self, violation: Violation) -> None:
        for line in self.history.that_matters(violation.containers, violation.networks):
            violation.add_note(line)
        violation.add_note(self.node.look(vouched=False).text())

    def progress(self) -> str:
        """How far it has come, in one line."""
        calls = sum(step.outcome is not None for step in self.history.steps)
        return f"{time.monotonic() - self.began:.0f} s: {len(self.history.steps)} steps, {calls} calls, 0 violations"

    def figures(self) -> str:
        """What was done, in one line."""
        counted = ", ".join(f"{name} {number}" for name, number in sorted(self.counted.items()))
        return f"{time.monotonic() - self.began:.0f} s, {len(self.history.steps)} steps: {counted}"


def _is_disturbed(batch: Batch) -> bool:
    """Whether somebody is killed or starves whom others need: an agent, or executed plugins of whichever network."""
    is_killing = any(call.kill == "delegate" for call in batch.calls)
    return is_killing or any(event.kind in DISTURBING for event in batch.events)


def _prepare() -> Path:
    """Mounts that nobody else sees: an empty /run, a small disk, and a file in the place of the boot's id."""
    assert os.getpid() == 1, "it is run in a pid namespace of its own"
    mount = ("mount", "-t", "tmpfs", "tmpfs")
    subprocess.run([*mount, PLACE], check=True)
    directory = PLACE / "soak"
    (directory / "small").mkdir(parents=True)
    (PLACE / "netns").mkdir()
    subprocess.run([*mount, "-o", f"size={DISK}", directory / "small"], check=True)
    (directory / "boot_id").write_text(BOOT_ID.read_text())
    subprocess.run(["mount", "--bind", directory / "boot_id", BOOT_ID], check=True)
    return directory


def in_its_own(*words: str) -> list[str]:
    """The command that runs the machine with these arguments, in namespaces of its own."""
    return [*OWN, sys.executable, "-m", "tests.soak", "--inside", *words]
