"""An agent to be measured: its start and end, the processor time that it has used, the memory that it holds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

START_SECONDS: Final = 10.0
CPUCLOCK_SCHED: Final = 2  # linux/posix-timers.h: nanoseconds, where /proc/PID/stat counts hundredths of a second
KIB: Final = 1024


class Agent:
    """The agent of an installed plugin on a socket of its own; entering returns once it takes calls."""

    def __init__(self, door: Path, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.socket = str(directory / "agent.sock")
        self._log = directory / "agent.log"
        settings = directory / "settings.toml"
        settings.write_text('log_level = "error"\n')
        self._command = [str(door), "agent", "--socket", self.socket]
        self._variables = {"PATH": os.environ["PATH"], "CNI_MACVLAN_SETTINGS": str(settings)}

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self._variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self._end()
                raise RuntimeError(f"the agent did not start: {self._log.read_text()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def cpu_seconds(self) -> float:
        """What all of its threads have used so far."""
        return time.clock_gettime(~self._process.pid << 3 | CPUCLOCK_SCHED)

    def resident_bytes(self) -> int:
        """The memory that it holds, shared pages included."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * KIB
        raise RuntimeError("the agent has ended")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(self.socket)
            except OSError:
                return False
            return True

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
