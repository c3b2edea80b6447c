"""The main figures as a picture: docs/benchmarks.svg, written by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from bench.figures import ALONE, DOOR, LAUNCHER, LAUNCHER_FILES, OLD_REFERENCE, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Figure, Figures

WIDTH: Final = 860  # all lengths in pixels
LEFT, RIGHT = 190, 50
ROW, SPACE, HEAD = 26, 64, 88
CURVE_HEIGHT: Final = 240
TICK: Final = 5
# Okabe and Ito's colours: told apart by most colour-blind eyes, on white as on grey.
COLOURS: Final = {
    REFERENCE: "#555555",
    OLD_REFERENCE: "#aaaaaa",
    LAUNCHER: "#0072b2",
    DOOR: "#e69f00",
    ALONE: "#cc79a7",
    LAUNCHER_FILES: "#009e73",
}
STYLE: Final = (
    "text{font:13px sans-serif;fill:#222}.title{font-weight:bold;font-size:14px}.tick{font-size:11px;fill:#666}"
    ".grid{stroke:#ddd}.row{stroke:#eee}"
)


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis: ``low`` lies at ``begin``, ``high`` at ``end``."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """1, 2, 5, 10 and so on within the axis; powers of ten alone on a long one."""
        steps = (1, 2, 5) if self.high / self.low < 10**3 else (1,)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        return [tick for tick in every if self.low <= tick <= self.high]


def chart(figures: Figures) -> str:
    """The picture; a panel whose figures were not measured is left out."""
    tables = figures.tables()
    parts: list[str] = []
    bottom: float = HEAD
    calls = [each for each in tables.get("calls", []) if each.line.endswith("one address")]
    for title, series in (
        ("One call: milliseconds, less is better", calls),
        ("Bursts, sixteen at a time: calls per second, more is better", tables.get("burst", [])),
    ):
        if series:
            parts += _dots(title, series, bottom)
            bottom += len({each.line for each in series}) * ROW + SPACE
    if leases := tables.get("leases"):
        parts += _curves("ADD by number of leases held: milliseconds, less is better", leases, bottom)
        bottom += CURVE_HEIGHT + SPACE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom:.0f}" role="img">'
        f"<style>{STYLE}</style>"
        f'<rect width="{WIDTH}" height="{bottom:.0f}" fill="#fff"/>' + "".join(_legend() + parts) + "</svg>\n"
    )


def _dots(title: str, series: Sequence[Figure], top: float) -> list[str]:
    """A row for each line: medians as dots, the spread as a bar."""
    lines = list(dict.fromkeys(each.line for each in series))
    scale = _fitting([end for each in series for end in each.spread], LEFT, WIDTH - RIGHT)
    bottom = top + len(lines) * ROW
    parts = [_text(LEFT, top - 12, title, "title")]
    for tick in scale.ticks():
        parts.append(_line(scale.at(tick), top, scale.at(tick), bottom, "grid"))
        parts.append(_text(scale.at(tick), bottom + 15, f"{tick:g}", "tick", "middle"))
    for number, line in enumerate(lines):
        y = top + (number + 0.5) * ROW
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, "row"))
        parts.append(_text(LEFT - 10, y + 4, line, "", "end"))
        own = [each for each in series if each.line == line]
        for each in own:
            low, high = map(scale.at, each.spread)
            parts.append(
                f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="{COLOURS[each.contender]}" '
                'stroke-width="5" stroke-opacity=".35" stroke-linecap="round"/>'
            )
        parts += [
            f'<circle cx="{scale.at(each.median):.1f}" cy="{y}" r="5" fill="{COLOURS[each.contender]}"/>'
            for each in own
        ]
    return parts


def _curves(title: str, series: Sequence[Figure], top: float) -> list[str]:
    """A curve for each contender, over the number that its lines begin with."""
    points = [(float(each.line.split()[0].replace(",", "")), each) for each in series]
    across = _fitting([number for number, _ in points], LEFT, WIDTH - RIGHT)
    bottom = top + CURVE_HEIGHT
    up = _fitting([each.median for each in series], bottom, top)
    parts = [_text(LEFT, top - 12, title, "title")]
    for tick in up.ticks():
        parts.append(_line(LEFT, up.at(tick), WIDTH - RIGHT, up.at(tick), "grid"))
        parts.append(_text(LEFT - 10, up.at(tick) + 4, f"{tick:g}", "tick", "end"))
    for number in dict.fromkeys(number for number, _ in points):
        parts.append(_line(across.at(number), bottom, across.at(number), bottom + TICK, "grid"))
        parts.append(_text(across.at(number), bottom + 18, f"{number:,.0f}", "tick", "middle"))
    for contender in dict.fromkeys(each.contender for each in series):
        own = [(across.at(number), up.at(each.median)) for number, each in points if each.contender == contender]
        colour = COLOURS[contender]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in own)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in own]
    return parts


def _legend() -> list[str]:
    parts = []
    x, y = 20.0, 20
    for contender, colour in COLOURS.items():
        wide = 44 + 6.6 * len(contender)
        if x + wide > WIDTH:
            x, y = 20.0, y + 22
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>')
        parts.append(_text(x + 11, y + 4, contender))
        x += wide
    return parts


def _fitting(values: Sequence[float], begin: float, end: float) -> Scale:
    """An axis with a little room on both sides of the values."""
    return Scale(min(values) / 1.25, max(values) * 1.25, begin, end)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
