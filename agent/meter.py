"""What an agent's work is told to while it goes on, so that whoever wants numbers can have them."""

from __future__ import annotations

from typing import Protocol

REFUSALS = {
    "busy": "too many calls were waiting; the answer was code 11",
    "crowded": "too many requests were on their way",
    "stranger": "the caller was another user",
    "slow": "the request did not come in time",
    "malformed": "what came was no request",
    "homeless": "the descriptors that came were no namespaces",
    "gone": "the caller gave up while its call was waiting",
    "failed": "a bug, told by the log",
}
"""Why a connection was not served."""


class Load(Protocol):
    """How much the threads that serve calls have to do, each time that they are asked."""

    def busy(self) -> int:
        """How many calls are being served."""

    def waiting(self) -> int:
        """How many calls nobody has begun to serve."""

    def count(self) -> int:
        """How many calls can be served at the same time."""


class Meter:
    """Listens and forgets: for an agent that nobody asks for numbers."""

    def open(self, load: Load) -> None:
        """Begin to answer who asks. Raises OSError or TryAgain."""

    def close(self) -> None:
        """Answer who has asked already, and no more."""

    def ended(self, verb: str, code: int, seconds: float) -> None:
        """A call was answered with a code, 0 for success, so long after its last byte had come."""

    def refused(self, reason: str) -> None:
        """A connection was not served for one of the REFUSALS."""

    def leaked(self, found: int, repaired: int) -> None:
        """A GC found so much that no valid attachment accounts for, and removed so much of it."""


NOBODY = Meter()
