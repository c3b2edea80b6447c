"""What a page tells its reader to type, in order, and what it says will come of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FENCED = re.compile(r"^```(\w*)(?: +(\w+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PROMPT, CONTINUED, ANYTHING = "# ", "> ", "..."
FAILS = "fails"


@dataclass(frozen=True)
class Step:
    """One command of a page's ``line``, and the output that the page shows, None where it shows none.

    In the output ``...`` stands for anything. It ``fails`` where the block says so: a block of errors.
    """

    line: int
    command: str
    output: str | None = None
    section: str = ""
    fails: bool = False

    def came_true(self, output: str) -> bool:
        """Whether the output is what the page shows; space at the ends of lines does not count."""
        if self.output is None:
            return True
        parts = [re.escape(part) for part in _trimmed(self.output).split(ANYTHING)]
        return re.fullmatch(".*".join(parts), _trimmed(output), re.DOTALL) is not None


def steps(page: Path) -> list[Step]:
    """The steps of all ``sh`` blocks, one each, and of all ``console`` blocks, one for each prompt."""
    text = page.read_text()
    found: list[Step] = []
    for block in FENCED.finditer(text):
        line = text.count("\n", 0, block.start(3)) + 1
        section = section_at(text, block.start())
        if block[1] == "sh":
            found.append(Step(line, block[3], section=section))
        elif block[1] == "console":
            found += [
                Step(number, command, output, section, fails=block[2] == FAILS)
                for number, command, output in _session(line, block[3].splitlines())
            ]
    return found


def section_at(text: str, place: int) -> str:
    """The heading that a place of a page is under; lines of blocks that look like one are none."""
    headings = HEADING.findall(FENCED.sub("", text[:place]))
    return headings[-1] if headings else ""


def _session(first: int, lines: list[str]) -> list[tuple[int, str, str]]:
    """Line, command and answer of a terminal session: ``# command``, ``> continued``, and what was answered."""
    assert lines[0].startswith(PROMPT), f"line {first}: a console block begins with a command after {PROMPT!r}"
    found: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(lines, first):
        if line.startswith(PROMPT):
            found.append((number, [line.removeprefix(PROMPT)], []))
        elif line.startswith(CONTINUED) and not found[-1][2]:
            found[-1][1].append(line.removeprefix(CONTINUED))
        else:
            found[-1][2].append(line)
    return [(number, "\n".join(typed), "\n".join(shown)) for number, typed, shown in found]


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
