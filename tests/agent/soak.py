"""Cycle after cycle of ADD, CHECK and DEL through agents that are killed and replaced; in the end nothing is left.

By hand, as root::

    python -m tests.agent.soak --cycles 10000 --parallel 16 --kill-every 20s
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.agent.process import Agent, until
from tests.agent.protocol import NoAnswer, Spoken
from tests.crash import remains
from tests.lan import Lan
from tests.runtime import DOOR, ROLES, Answer, Json, Runtime
from tests.ways import Executed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.namespaces import Namespace

BY_THE_DOOR = 10  # each tenth cycle costs three processes
GIVE_UP = 60.0  # seconds after which a call that is tried again has to have succeeded
TRY_AGAIN = 11
PAUSE = 0.02
GONE = (NoAnswer, FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError)


@dataclass
class Figures:
    """What a run came to; ``memory`` is KiB after a quarter of the cycles, if nobody is killed, and in the end."""

    cycles: int = 0
    killed: int = 0
    replaced: int = 0
    disturbed: int = 0
    seconds: float = 0.0
    memory: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.cycles} cycles in {self.seconds:.1f} s ({self.cycles / self.seconds:.1f}/s), "
            f"{self.killed} agents killed, {self.replaced} replaced, {self.disturbed} calls disturbed, "
            f"memory {' → '.join(f'{each / 1024:.1f}' for each in self.memory)} MiB"
        )


class Soak:
    """A run on a LAN of its own; ``run`` raises AssertionError for anything that is wrong or left."""

    def __init__(self, directory: Path, *, cycles: int, parallel: int, kill_every: float) -> None:
        self._cycles = cycles
        self._parallel = parallel
        self._kill_every = kill_every
        self._directory = directory
        self._socket = directory / "agent.sock"
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.figures = Figures()

    def run(self) -> Figures:
        """Do all of it."""
        began = time.monotonic()
        with Lan() as lan:
            self._lan = lan
            self._runtime = Runtime(lan, dict.fromkeys((*ROLES, DOOR.name), DOOR), self._directory / "ours")
            self._agent = Agent(self._socket).wait_ready()
            try:
                self._work([self._container(number) for number in range(self._parallel)])
            finally:
                if self._agent.process.poll() is None:
                    self._agent.kill()
        assert lan.leaks == []
        self.figures.seconds = time.monotonic() - began
        return self.figures

    def _container(self, number: int) -> Namespace:
        """A namespace with one end of a veth pair, whose other end tells when the kernel has freed it."""
        container = self._lan.container()
        self._lan.wire.batch(f"link add canary{number} type veth peer name canary netns {container.name}")
        return container

    def _work(self, containers: list[Namespace]) -> None:
        disturber = threading.Thread(target=self._disturb)
        disturber.start()
        try:
            with ThreadPoolExecutor(self._parallel) as threads:
                list(threads.map(self._cycle_on, containers))
        finally:
            self._over.set()
            disturber.join()
        self._require_nothing_left(containers)

    def _disturb(self) -> None:
        """Kill the agent and start another, or start another that takes its place, in turns."""
        while self._kill_every and not self._over.wait(self._kill_every):
            if self.figures.killed > self.figures.replaced:
                successor = Agent(self._socket).wait_ready()
                self._agent.ended()
                self.figures.replaced += 1
            else:
                self._agent.kill()
                successor = Agent(self._socket).wait_ready()
                self.figures.killed += 1
            self._agent = successor

    def _cycle_on(self, container: Namespace) -> None:
        while (number := next(self._numbers)) < self._cycles and not self._over.is_set():
            try:
                self._cycle(number, container)
            except BaseException:
                self._over.set()
                raise
            with self._lock:
                self.figures.cycles += 1
                if self.figures.cycles == self._cycles // 4 and not self._kill_every:
                    self.figures.memory.append(self._agent.memory())

    def _cycle(self, number: int, container: Namespace) -> None:
        runtime = Runtime.__new__(Runtime)
        runtime.__dict__ |= self._runtime.__dict__ | {"results": {}}
        runtime.way = Executed(str(self._socket)) if number % BY_THE_DOOR == 0 else Spoken(self._socket)
        config = list(self._configurations().values())[number % 4]
        added = self._call(lambda: runtime.add(config, container))
        if added is not None:
            self._insist(lambda: runtime.check(config, container))
        self._insist(lambda: runtime.delete(config, container))

    def _configurations(self) -> dict[str, Json]:
        runtime = self._runtime
        ranges = [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]]
        routes = [{"dst": "10.77.0.0/16"}, {"dst": "::/0"}]
        return {
            "pool": runtime.config({"type": DOOR.name, "ranges": ranges, "routes": routes}),
            "host-local": runtime.config(runtime.pool("10.9.0.0/24", "fd00:9::/64")),
            "layer 2": runtime.config(None, cniVersion="0.4.0"),
            "private": runtime.config({"type": DOOR.name, "ranges": ranges[:1]}, mode="private", mtu=1400),
        }

    def _call(self, make: Callable[[], Answer]) -> Answer | None:
        """An answer; None if the agent has gone in the middle of the call, as a runtime is told by code 11."""
        try:
            answer = make()
        except GONE:
            answer = None
        if answer is not None and answer.code != TRY_AGAIN:
            answer.expect()
            return answer
        assert self._kill_every, f"disturbed by nobody: {answer}"
        with self._lock:
            self.figures.disturbed += 1
        return None

    def _insist(self, make: Callable[[], Answer]) -> None:
        """Call until it succeeds, as a runtime does for DEL."""
        deadline = time.monotonic() + GIVE_UP
        while self._call(make) is None:
            assert time.monotonic() < deadline, f"no success within {GIVE_UP:.0f} s"
            time.sleep(PAUSE)

    def _require_nothing_left(self, containers: list[Namespace]) -> None:
        runtime, agent = self._runtime, self._agent
        assert self.figures.cycles == self._cycles
        assert [each.links() for each in containers] == [["canary", "lo"]] * len(containers)
        assert self._lan.node.links() == ["eth0", "lo"]
        assert remains.rows(runtime.state_dir) == {"attachment": 0, "lease": 0}
        assert runtime.held() == []
        self.figures.memory.append(agent.memory())
        assert agent.children() == []
        assert agent.is_home()
        self._require_as_fresh(containers[0])
        for container in containers:
            container.remove()
        until(lambda: not [each for each in self._lan.wire.links() if "canary" in each], "all namespaces are freed")
        self._agent.stop()
        assert not self._socket.exists()
        assert self._lan.node.processes() == []
        assert "Traceback" not in self._agent.log.read_text()

    def _require_as_fresh(self, container: Namespace) -> None:
        """The last agent, which may have served thousands, has no more open than one that has served four."""
        kept = self._steady()
        successor = Agent(self._socket).wait_ready()
        self._agent.ended()
        self._agent = successor
        for number in range(1, 5):
            self._cycle(number, container)
        fresh = self._steady()
        # less is possible: an agent that began at the very end may not have opened the database
        assert not Counter(kept[0]) - Counter(fresh[0]), f"{kept} in the end, {fresh} of a fresh agent"
        assert kept[1] == fresh[1], f"{kept} in the end, {fresh} of a fresh agent"

    def _steady(self) -> tuple[list[str], int]:
        """The agent's descriptors, and how many threads, once the last call's are closed."""
        until(self._agent.is_resting, "it holds no namespace")
        return self._agent.descriptors(), len(self._agent.threads())


def seconds(text: str) -> float:
    """``20s`` or ``20`` → 20.0."""
    return float(text.removesuffix("s"))


def main() -> int:
    """Run it as the command line says; an AssertionError is the failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--kill-every", type=seconds, default=5.0, metavar="SECONDS", help="0: never")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cmv-soak-") as directory:
        soak = Soak(Path(directory), cycles=chosen.cycles, parallel=chosen.parallel, kill_every=chosen.kill_every)
        sys.stdout.write(f"{soak.run()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
