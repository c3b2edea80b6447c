"""A kubelet in small: every pod of the store lives on its node, and clients may look into the containers."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.cluster.instance import Instance
from tests.cluster.kinds import POD
from tests.cluster.life import SECONDS, Life
from tests.cluster.multus import Multus
from tests.cluster.refusals import Refusal
from tests.runtimes.cri import Refused

if TYPE_CHECKING:
    from tests.cluster.instance import Outcome
    from tests.cluster.store import Store
    from tests.machine import Machine
    from tests.runtime import Json
    from tests.runtimes.cri import Cri


class Kubelet:
    """Has pods made and ended by the containerd of a machine, in a thread for each.

    A pod that cannot be started says so in its status, and waits for its deletion; nothing is tried again.
    """

    def __init__(self, machine: Machine, cri: Cri, store: Store) -> None:
        self._machine = machine
        self._cri = cri
        self._store = store
        self._multus = Multus(machine, store)
        self._lives: dict[str, Life] = {}

    def serve(self) -> None:
        """Have every pod live that is made, until the end of the store."""
        threads = []
        goes_on = True
        while goes_on:
            version = self._store.version
            for pod in self._store.list(POD):
                if pod["metadata"]["uid"] not in self._lives:
                    life = Life(Instance(pod, self._machine, self._cri), self._store)
                    self._lives[pod["metadata"]["uid"]] = life
                    threads.append(threading.Thread(target=self._live, args=(life,)))
                    threads[-1].start()
            goes_on = self._store.wait(version, SECONDS)
        for thread in threads:
            thread.join()

    def log(self, pod: Json, container: str) -> str:
        """What a container wrote, the first one if none is named; raises Refusal."""
        instance, name = self._found(pod, container)
        return instance.log(name)

    def execute(self, pod: Json, container: str, command: list[str]) -> Outcome:
        """Run a program in a container, the first one if none is named, to its end; raises Refusal."""
        instance, name = self._found(pod, container)
        return instance.execute(name, command, int(SECONDS))

    def _live(self, life: Life) -> None:
        with ExitStack() as undo:
            try:
                life.begin(self._multus, undo)
            except (Refusal, Refused, AssertionError) as failed:
                life.tell(phase="Failed", message=str(failed))
            if not life.until_terminating():
                undo.pop_all()
                return
        life.end()

    def _found(self, pod: Json, container: str) -> tuple[Instance, str]:
        name = container or pod["spec"]["containers"][0]["name"]
        life = self._lives.get(pod["metadata"]["uid"])
        if not life or not life.instance.has_run(name):
            raise Refusal(400, "BadRequest", f'container "{name}" in pod "{pod["metadata"]["name"]}" was not started')
        return life.instance, name
