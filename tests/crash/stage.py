"""One attachment on a node whose calls are disturbed, and the state of everything before it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

from tests.crash import remains
from tests.crash.preload import Attached

if TYPE_CHECKING:
    from tests.crash.preload import Outcome, Preload
    from tests.crash.scenarios import Scenario

ORPHAN_SECONDS = 60.0
VALID = "cni.dev/valid-attachments"


class Stage:
    """``before`` is what was there when the container was new."""

    def __init__(self, preload: Preload, scenario: Scenario) -> None:
        self.preload = preload
        self.container = preload.lan.container()
        self.whom = Attached(self.container.name, str(self.container.path))
        self.config = scenario.config(preload)
        self.path = scenario.path(preload)
        self.call("DEL").expect()  # what the first call makes for good: directory, database, lock
        self.before = self.state()

    def call(self, verb: str, **disturbed: Any) -> Outcome:  # noqa: ANN401 - as Preload.call
        """One call; GC is told that no attachment is valid."""
        config = self.config | ({VALID: []} if verb == "GC" else {})
        return self.preload.call(verb, config, None if verb == "GC" else self.whom, path=self.path, **disturbed)

    def state(self) -> dict[str, object]:
        """Everything that a call could leave behind."""
        return remains.everything(self.preload, self.container.path, self.preload.lan.node.path)

    def killed_at(self, verb: str, number: int) -> str:
        """A call that is killed right before a step, if it comes as far: the more it has to wait the more it takes.

        Returns what happened in words.
        """
        answer = self.call(verb, fault={"kind": "at_step", "number": number})
        when = f"{verb} killed before step {number}, {answer.report[-1:]}"
        assert answer.status == -signal.SIGKILL or len(answer.report) < number, when
        return when

    def steps(self, verb: str) -> int:
        """The number of steps of an undisturbed call, which an earlier one has made what is made once for."""
        answer = self.call(verb, fault={"kind": "at_step"})
        answer.expect()
        return len(answer.report)

    def usual_steps(self, verb: str, then: str) -> int:
        """The smaller number of two calls: now and then one of them tidies the database up."""
        numbers = []
        for _ in range(2):
            numbers.append(self.steps(verb))
            self.call(then).expect()
        return min(numbers)

    def wait_for_orphans(self) -> None:
        """Return when nothing runs in the node any more but the preload server."""
        deadline = time.monotonic() + ORPHAN_SECONDS
        while len(self.preload.lan.node.processes()) > 1:
            assert time.monotonic() < deadline, "a process that a call started does not end"
            time.sleep(0.01)

    def close(self) -> None:
        """Detach whatever a failed test left, so that it is in nobody's way, and remove the container."""
        if self.container.path.exists():
            self.call("DEL")
        assert self.container.remove() == []

    def require_clean(self, when: str) -> None:
        """Nothing is there that was not there before, and no process either."""
        assert self.state() == self.before, when
        assert self.container.processes() == [], when

    def add_again(self) -> None:
        """A retry succeeds, and its DEL leaves nothing."""
        self.call("ADD").expect()
        self.call("DEL").expect()
        assert self.state() == self.before
