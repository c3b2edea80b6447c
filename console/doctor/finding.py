"""One thing that is wrong: how bad it is, what it is about, what was found, and the cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from console.lint import finding as lint

if TYPE_CHECKING:
    from conf.errors import CniError
    from console.doctor.patient import Patient

ERROR: Final = lint.ERROR
"""Calls fail, or will."""
WARNING: Final = lint.WARNING
"""Calls succeed, and something is lost, wasted or about to fail."""
NOTICE: Final = "notice"
"""Nothing is wrong yet; whoever looks for the cause of trouble should know."""


@dataclass(frozen=True)
class Finding:
    """``subject`` is a file, an interface, a network or the like; ``cure`` says what an operator can do."""

    severity: str
    subject: str
    found: str
    cure: str


Check = Callable[["Patient"], Iterator[Finding]]


def from_error(severity: str, subject: str, error: CniError) -> Finding:
    """A failure that a call would have as a finding: behind the first semicolon of its message stands the cure."""
    found, _, cure = error.msg.partition("; ")
    return Finding(severity, subject, found, cure or error.details)


def from_lint(finding: lint.Finding) -> Finding:
    """What lint finds, as bad as lint finds it."""
    found, _, cure = finding.text.partition("; ")
    return Finding(finding.severity, finding.where, found, cure)
