"""The figures as tables: docs/benchmarks.md for readers of the repository, shorter ones for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.figures import OLD_REFERENCE, REFERENCE
from bench.targets import TARGETS, target_of
from tests.reference import NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.figures import Figure, Figures
    from bench.targets import Target

TABLES: Final = {
    "calls": (
        "One call at a time",
        "From the start of the plugin's process to its end. The containers do no duplicate address detection.",
    ),
    "cpu": (
        "Processor time of a call",
        "User and system time of the plugin, of the processes that it started, and of the agent on its behalf.",
    ),
    "burst": (
        "Bursts",
        "One hundred containers attached, then detached, sixteen calls at a time; the more, the better.",
    ),
    "leases": (
        "ADD by number of leases",
        "A whole ADD of one address, in a network that so many other containers hold addresses in.",
    ),
    "pool": (
        "A lease alone",
        "One address given and released. The reference's host-local is executed, ours is called within a process.",
    ),
    "memory": (
        "Memory of the agent",
        "Resident memory, shared pages included, while containers come and go sixteen at a time.",
    ),
    "start": (
        "Start without an agent",
        "The Python door alone and the reference. VERSION is what runtimes call most, and nothing but a start.",
    ),
}

HEAD: Final = f"""# Benchmarks

This page is written by `make bench`, which compares the plugin with Debian's builds of the reference plugins: of
release {NEW}, which runtimes ship today, and of {OLD}, which Debian 12 has.

All get the same configurations, in the same run, on real interfaces in throw-away namespaces; contenders take turns.
Times are of this machine with all that was going on there, so **trust the ratios alone**.
Ratios are those of medians, to each reference in the same line; targets hold towards both.
The spread is that of nine samples in ten.

- **agent, launcher**: an agent runs; the runtime calls the native launcher.
- **agent, Python door**: an agent runs; the runtime calls the Python door, which hands the call over.
- **Python door alone**: no agent; every call starts a Python that does everything itself.

![The figures as a chart](benchmarks.svg)
"""


def page(facts: Mapping[str, str], figures: Figures) -> str:
    """The page, in Markdown."""
    parts = [HEAD, "## Where\n\n| | |\n|---|---|\n" + "".join(f"| {name} | {fact} |\n" for name, fact in facts.items())]
    for table, (title, text) in TABLES.items():
        series = figures.tables().get(table, [])
        rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows(series, figures))
        head = f"| | | median | spread | to {NEW} | to {OLD} | target |\n|---|---|--:|--:|--:|--:|---|\n"
        parts.append(f"## {title}\n\n{text}\n\n{head}{rows}")
    return "\n".join(parts)


def lines(figures: Figures) -> Iterator[str]:
    """The same for a terminal."""
    for table, series in figures.tables().items():
        yield f"\n{TABLES[table][0]}"
        for line, contender, median, spread, new, old, target in _rows(series, figures):
            yield f"{line:42} {contender:38} {median:>13} {spread:>19} {new:>7} {old:>7}  {target}".rstrip()


def missed(figures: Figures) -> list[str]:
    """The targets that were measured and not reached, in words."""
    found = []
    for target in TARGETS:
        ratio = target.ratio(figures)
        if ratio is not None and not target.is_met(ratio):
            found.append(f"{target.line}, {target.contender}: {_number(ratio)}, target {target}")
    return found


def _rows(series: list[Figure], figures: Figures) -> Iterator[tuple[str, ...]]:
    before = ""
    for figure in sorted(series, key=lambda each: [other.line for other in series].index(each.line)):
        low, high = figure.spread
        spread = f"{_number(low)} to {_number(high)}" if len(figure.samples) > 1 else ""
        ratios = [figures.ratio(figure, contender=name) for name in (REFERENCE, OLD_REFERENCE)]
        target = target_of(figure)
        yield (
            figure.line if figure.line != before else "",
            figure.contender,
            f"{_number(figure.median)} {figure.unit}",
            spread,
            *("" if ratio is None else _number(ratio) for ratio in ratios),
            _judged(target, figures) if target else "",
        )
        before = figure.line


def _judged(target: Target, figures: Figures) -> str:
    ratio = target.ratio(figures)
    if ratio is None:
        return str(target)
    word = "met" if target.is_met(ratio) else "**missed**"
    compared = f"{_number(ratio)} times {target.to_line} " if target.to_line else ""
    return f"{compared}{target}: {word}"


def _number(value: float) -> str:
    """Three significant digits, whole numbers from 100 on."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3  # noqa: PLR2004 - as said
    return f"{value:,.{digits}f}"
