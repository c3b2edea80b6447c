"""The start of a plugin without an agent: what VERSION takes, and an ADD whose files are not in memory yet."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.contenders import Attachment, Seat, container_id
from bench.figures import REFERENCES, Figure
from bench.process import run
from bench.verbs import CASES, WARM_UP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

COLD_ROUNDS_FOR_ONE: Final = 5


def measure(seats: Sequence[Seat], containers: Sequence[Path], release: Path, rounds: int) -> Iterator[Figure]:
    """Measure VERSION and ADD, the plugin's files in memory or read from the disk; table "start" (ms)."""
    series: dict[tuple[str, str], list[float]] = defaultdict(list)
    for cold in (False, True):
        ending = ", plugin's files not in memory" if cold else ""
        for number in range(-WARM_UP, rounds // COLD_ROUNDS_FOR_ONE if cold else rounds):
            for seat, container in zip(seats, containers, strict=False):
                name = seat.contender.name
                files = [seat.contender.directory / "macvlan", seat.contender.directory / "host-local"]
                files = files if name in REFERENCES else [path for path in release.rglob("*") if path.is_file()]
                attachment = Attachment(seat, container, container_id(number + WARM_UP), CASES["one address"])
                stdin = seat.place / "version"
                stdin.write_text('{"cniVersion": "1.0.0"}')
                version = seat.call("VERSION", stdin, stdin.with_suffix(".out"))
                for verb, call in (("VERSION", version), ("ADD", attachment.add)):
                    if cold:
                        _evict(files)
                    cost = run(call)
                    if number >= 0:
                        series[f"{verb}{ending}", name].append(cost.wall)
                attachment.remember()
                run(attachment.delete)
    for (line, contender), samples in series.items():
        yield Figure("start", line, contender, "ms", tuple(samples))


def _evict(files: Sequence[Path]) -> None:
    """Have the kernel forget what it holds of these files; it keeps what a running process has mapped."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
