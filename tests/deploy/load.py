"""Containers that come and go without a pause, each by ADD, CHECK and DEL through what is installed on a machine."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.agent.process import until
from tests.deploy.calls import Container
from tests.machine import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machine import Machine
    from tests.runtime import Json

VERBS = ("ADD", "CHECK", "DEL")


class Load:
    """How many calls were made so far, and what those said that failed."""

    def __init__(self, machine: Machine, config: Json) -> None:
        self._machine = machine
        self._config = config
        self._over = threading.Event()
        self.calls = 0
        self.failures: list[str] = []

    def go_on(self, calls: int = 60) -> None:
        """Wait until so many more have been made."""
        enough = self.calls + calls
        until(lambda: self.calls >= enough or self.failures, f"{calls} calls", SECONDS)

    @contextmanager
    def by(self, containers: int) -> Iterator[None]:
        """Have so many containers at a time come and go."""
        threads = [threading.Thread(target=self._come_and_go, args=(f"load{n}",)) for n in range(containers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _come_and_go(self, name: str) -> None:
        with Container(self._machine, name) as container:
            while not self._over.is_set():
                for verb in VERBS:
                    answer = container.call(verb, self._config)
                    self.calls += 1
                    if not answer.ok:
                        self.failures.append(f"{verb}: {answer.stdout}")
