"""Where in a text the values of a JSON document stand, for messages that an editor can jump to."""

from __future__ import annotations

import json
import re
from bisect import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
"""The way to a value: keys and indexes, as in ("plugins", 0, "ipam")."""

TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(frozen=True)
class Positions:
    """The line, counted from 1, of every key and list entry; ``doubled`` are keys that an object has once more."""

    lines: dict[Path, int] = field(default_factory=dict)
    doubled: list[Path] = field(default_factory=list)


def positions_of(text: str) -> Positions:
    """Where everything stands in a text that is valid JSON."""
    newlines = [found.start() for found in re.finditer("\n", text)]
    tokens = ((found[0], bisect(newlines, found.start()) + 1) for found in TOKEN.finditer(text))
    found = Positions()
    _walk((), *next(tokens), tokens, found)
    return found


def _walk(path: Path, opening: str, line: int, tokens: Iterator[tuple[str, int]], found: Positions) -> None:
    """Note the value that begins with this word, and all that is in it."""
    found.lines.setdefault(path, line)
    if opening not in "{[":
        return
    index = 0
    for word, at in tokens:
        if word in "}]":
            return
        if word == ",":
            continue
        if opening == "[":
            _walk((*path, index), word, at, tokens, found)
            index += 1
        else:
            key = (*path, json.loads(word))
            if key in found.lines:
                found.doubled.append(key)
                for former in [each for each in found.lines if each[: len(key)] == key]:
                    del found.lines[former]
            found.lines[key] = at
            next(tokens)  # the colon
            _walk(key, *next(tokens), tokens, found)


def spelled(path: Path) -> str:
    """The path as messages have it: ``plugins[0].ipam``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def parsed(key: str) -> Path:
    """The path that is spelled so; keys with a dot in them are not."""
    return tuple(int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", key))
