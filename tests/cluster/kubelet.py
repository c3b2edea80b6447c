"""A kubelet in small: every pod of the store lives on its node, and clients may look into the containers."""

from __future__ import annotations

import base64
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.cluster.kinds import POD
from tests.cluster.life import SECONDS, Life
from tests.cluster.multus import Multus
from tests.cluster.refusals import Refusal
from tests.cluster.websocket import Outcome
from tests.runtimes.cri import Refused

if TYPE_CHECKING:
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
                    life = Life(pod, self._machine, self._cri, self._store)
                    self._lives[pod["metadata"]["uid"]] = life
                    threads.append(threading.Thread(target=self._live, args=(life,)))
                    threads[-1].start()
            goes_on = self._store.wait(version, SECONDS)
        for thread in threads:
            thread.join()

    def log(self, pod: Json, container: str) -> str:
        """What a container wrote on both streams, the first one if none is named; raises Refusal."""
        life, name, _ = self._running(pod, container)
        written = self._machine.path(f"{life.logs}/{name}.log").read_text()
        # Each line has a time, its stream, and whether it is whole.
        return "".join(line.split(" ", 3)[3] for line in written.splitlines(keepends=True))

    def execute(self, pod: Json, container: str, command: list[str]) -> Outcome:
        """Run a program in a container, the first one if none is named, to its end; raises Refusal."""
        _, _, running = self._running(pod, container)
        done = self._cri.call("ExecSync", container_id=running, cmd=command, timeout=int(SECONDS))
        stdout, stderr = (base64.b64decode(done.get(stream, "")) for stream in ("stdout", "stderr"))
        return Outcome(stdout, stderr, done.get("exit_code", 0))

    def _live(self, life: Life) -> None:
        with ExitStack() as undo:
            try:
                life.begin(self._multus, undo)
            except (Refusal, Refused, AssertionError) as failed:
                life.tell(phase="Failed", message=str(failed))
            if not life.until_terminating():
                undo.pop_all()
                return
        self._store.remove(POD, life.namespace, life.name)

    def _running(self, pod: Json, container: str) -> tuple[Life, str, str]:
        name = container or pod["spec"]["containers"][0]["name"]
        life = self._lives.get(pod["metadata"]["uid"])
        if not life or name not in life.containers:
            raise Refusal(400, "BadRequest", f'container "{name}" in pod "{pod["metadata"]["name"]}" was not started')
        return life, name, life.containers[name]
