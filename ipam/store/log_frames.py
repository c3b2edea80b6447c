"""SQLite's write-ahead log read frame by frame, damaged ones included (https://sqlite.org/walformat.html).

SQLite itself takes a log up to the first frame that is damaged. But each checksum begins with that of the frame
before as it is written there, so that the frames behind a damaged one can be told from it.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAGIC: Final = 0x377F0682
"""The first word of a log whose checksums are over little-endian words; one more stands for big-endian ones."""
HEADER: Final = struct.Struct(">8I")  # magic, version, page size, checkpoint, two salts, two checksums
FRAME: Final = struct.Struct(">6I")  # page, size of the database after a commit or 0, two salts, two checksums
PAGE: Final = 4096
"""Bytes of a page of our databases: SQLite's default since 3.12."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """One page as it became; ``pages`` is the size of the database after a commit, 0 within a transaction."""

    page: int
    pages: int
    content: bytes
    is_valid: bool


def read_frames(log: bytes) -> list[Frame]:
    """The frames of the log's last round up to its last commit, damaged or not; [] for a log without one."""
    frames = [log[at : at + FRAME.size + PAGE] for at in range(HEADER.size, len(log), FRAME.size + PAGE)]
    whole = [each for each in frames if len(each) == FRAME.size + PAGE]
    if not whole:
        return []
    heads = [FRAME.unpack_from(each) for each in whole]
    salts = Counter(head[2:4] for head in heads).most_common(1)[0][0]
    before = HEADER.unpack_from(log)
    order = "<" if before[0] == MAGIC else ">" if before[0] == MAGIC + 1 else _order(heads, whole)
    found = []
    checksum = before[6:8]
    for head, frame in zip(heads, whole, strict=True):
        page, pages, *_ = head
        content = frame[FRAME.size :]
        valid = head[2:4] == salts and _checksum(order, frame[:8] + content, checksum) == head[4:6]
        found.append(Frame(page, pages, content, valid))
        checksum = head[4:6]
    return committed(found[: max(number for number, head in enumerate(heads) if head[2:4] == salts) + 1])


def committed(frames: Sequence[Frame]) -> list[Frame]:
    """The frames up to the last commit among them."""
    commits = [number for number, each in enumerate(frames, 1) if each.pages]
    return list(frames[: commits[-1]]) if commits else []


def image(database: bytes, frames: Sequence[Frame]) -> bytes:
    """The database's file with the frames moved into it, but for damaged ones whose numbers are impossible."""
    pages = dict(enumerate((database[at : at + PAGE] for at in range(0, len(database), PAGE)), 1))
    size = len(pages)
    most = size + len(frames)
    for frame in frames:
        if frame.page <= most and frame.pages <= most:
            pages[frame.page] = frame.content
            size = frame.pages or size
    return b"".join(pages.get(number, b"").ljust(PAGE, b"\0") for number in range(1, size + 1))


def _order(heads: list[tuple[int, ...]], frames: list[bytes]) -> str:
    """The order of bytes by which the second frame's checksum is right, where the header does not tell."""
    fits = len(frames) > 1 and _checksum(">", frames[1][:8] + frames[1][FRAME.size :], heads[0][4:6]) == heads[1][4:6]
    return ">" if fits else "<"


def _checksum(order: str, data: bytes, before: Iterable[int]) -> Pair:
    """The checksum of words in pairs, each sum modulo 2^32."""
    first, second = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
