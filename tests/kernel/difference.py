"""What a difference between the reference plugins and ours is: words for people, and the outcomes that show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.reference import OLD, RELEASES

if TYPE_CHECKING:
    from collections.abc import Mapping

Cases = frozenset[str]
AS_OURS = "as ours"


@dataclass(frozen=True)
class Difference:
    """One deliberate difference.

    Attributes:
        old, new: what each release of the reference does.
        shown: fields of an outcome (``tests.kernel.outcome``) to the configurations in which they differ.
        everywhere: fields that differ in any configuration, with ours and the reference's value.
        releases: the releases that ``shown`` and ``everywhere`` are true of.
        test: the test that shows what no outcome does.
    """

    title: str
    old: str
    new: str
    ours: str
    reason: str
    shown: Mapping[str, Cases] = field(default_factory=dict)
    everywhere: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    releases: tuple[str, ...] = RELEASES
    test: str = ""

    def row(self) -> str:
        """A row of the table of docs/differences.md."""
        new = "the same" if self.new == self.old else self.new
        return f"| {self.title} | {self.old} | {new} | {self.ours} | {self.reason} |"


def both(title: str, reference: str, ours: str, reason: str, **shown: Any) -> Difference:  # noqa: ANN401 - as the class
    """A difference from both releases."""
    return Difference(title, reference, reference, ours, reason, **shown)


def since(title: str, old: str, ours: str, reason: str, **shown: Any) -> Difference:  # noqa: ANN401 - as the class
    """A difference from the old release alone."""
    return Difference(title, old, AS_OURS, ours, reason, releases=(OLD,), **shown)


def of(*names: str) -> Cases:
    """These configurations."""
    return frozenset(names)
