"""A journald of the test's own: systemd's, in a mount namespace where nothing of the machine's /run/systemd is seen."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.agent.process import SECONDS, until

if TYPE_CHECKING:
    from collections.abc import Callable

MAKE_ROOM = r"""
set -e
mount --make-rprivate /
mkdir run
mount --rbind /run run
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/log/journal /run/systemd/journald.conf.d
mount --rbind run/netns /run/netns
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n' > /run/systemd/journald.conf.d/test.conf
systemd-id128 new > machine-id
mount --bind machine-id /etc/machine-id
exec /lib/systemd/systemd-journald
"""


class Journal:
    """A context manager; it sees the named network namespaces that there are when it begins."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()

    def __enter__(self) -> Self:
        with (self._directory / "stderr").open("w") as stderr:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", MAKE_ROOM], cwd=self._directory, stderr=stderr
            )
        socket = Path(f"/proc/{self._process.pid}/root/run/systemd/journal/socket")
        until(lambda: self._process.poll() is not None or socket.exists(), "journald listens")
        assert self._process.poll() is None, (self._directory / "stderr").read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    @property
    def inside(self) -> tuple[str, ...]:
        """The beginning of a command that is to find this journald where every program looks for it."""
        return ("nsenter", f"--mount=/proc/{self._process.pid}/ns/mnt")

    def entries(self, true: Callable[[dict[str, Any]], object], count: int) -> list[dict[str, Any]]:
        """The entries of ours of which that is true, in the order of their verbs; waits until there are so many.

        An agent's threads do not take turns to tell of their calls.
        """
        found: list[dict[str, Any]] = []

        def look() -> bool:
            command = [*self.inside, "journalctl", "--output=json", "--all", "SYSLOG_IDENTIFIER=cni-macvlan-py"]
            lines = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False).stdout
            found[:] = [entry for line in lines.splitlines() if true(entry := json.loads(line))]
            return len(found) >= count

        until(look, "the journal has the entries")
        return sorted(found, key=lambda entry: str(entry["CNI_VERB"]))
