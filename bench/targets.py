"""What the plugin has to reach, as ratios to the references of the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.figures import ALONE, DOOR, LAUNCHER, REFERENCES
from bench.lease_numbers import line_of
from bench.pool_size import DATABASE

if TYPE_CHECKING:
    from bench.figures import Figure, Figures

FEW, MANY, MOST = 10, 10_000, 50_000


@dataclass(frozen=True)
class Target:
    """A bound for a figure's ratio: an upper one, or a lower one if ``least``.

    The ratio is to each reference in the same line unless ``to_line`` and ``to`` say otherwise.
    """

    table: str
    line: str
    contender: str
    bound: float
    least: bool = False
    to_line: str = ""
    to: tuple[str, ...] = tuple(REFERENCES)

    def ratio(self, figures: Figures) -> float | None:
        """The ratio as measured, of several the one that is farthest from the bound's good side; None for none."""
        figure = figures.get(self.table, self.line, self.contender)
        ratios = [figures.ratio(figure, self.to_line, each) for each in self.to] if figure else []
        measured = [ratio for ratio in ratios if ratio is not None]
        return (min if self.least else max)(measured, default=None)

    def is_met(self, ratio: float) -> bool:
        """Whether a ratio is on the right side of the bound."""
        return ratio >= self.bound if self.least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.bound:g}"


TARGETS: Final = (
    Target("calls", "ADD, one address", LAUNCHER, 0.30),
    Target("calls", "ADD, one address", DOOR, 1.3),
    Target("calls", "ADD, one address", ALONE, 25),
    Target("calls", "CHECK, one address", LAUNCHER, 0.35),
    Target("calls", "CHECK, one address", DOOR, 1.4),
    Target("calls", "DEL, one address", LAUNCHER, 0.95),
    Target("calls", "DEL, one address", DOOR, 1.2),
    Target("burst", "100 ADDs", LAUNCHER, 3, least=True),
    Target("burst", "100 ADDs", DOOR, 0.8, least=True),
    Target("burst", "100 DELs", LAUNCHER, 1.8, least=True),
    Target("burst", "100 DELs", DOOR, 1, least=True),
    Target("leases", line_of(MANY), LAUNCHER, 0.03),
    Target("leases", line_of(MANY), DOOR, 0.15),
    Target("pool", line_of(MOST), DATABASE, 1.2, to_line=line_of(FEW), to=(DATABASE,)),
)


def target_of(figure: Figure) -> Target | None:
    """The target for a figure, if it has one."""
    return next((each for each in TARGETS if (each.table, each.line, each.contender) == figure.key), None)
