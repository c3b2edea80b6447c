"""What has happened, one line of JSON for each step, and which of it matters to a violation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tests.soak.actions import MASTERS, Call, Event

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

MOST_SHOWN = 40
REWRITING = {"harm", "rescue"}
"""Events after which the database may again have what was removed from it."""

Key = tuple[str, str]
"""An attachment's container id and interface name."""


@dataclass(frozen=True)
class Outcome:
    """What a call came to: its status, None if it was not waited for any longer, and the document on its stdout."""

    status: int | None
    document: Any = None
    stderr: str = ""

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def code(self) -> int:
        """The error's code; 0 for a success, -1 where there is no error object."""
        if self.ok:
            return 0
        return int(self.document["code"]) if isinstance(self.document, dict) and "code" in self.document else -1

    @property
    def addresses(self) -> frozenset[str]:
        return frozenset(ip["address"] for ip in (self.document or {}).get("ips", ()))

    @property
    def mac(self) -> str:
        interfaces = (self.document or {}).get("interfaces", ())
        return str(interfaces[-1]["mac"]) if interfaces else ""


@dataclass(frozen=True)
class Step:
    """One action with the moments when it was begun and had ended, in seconds of the monotonic clock.

    ``key`` is the attachment that it is about, ``containers`` those that an event ends, ``robbed`` those in which an
    interface may have gone; ``valid`` is GC's list. ``disturbed``: a failure may have left something, for somebody was
    killed or something was lacking. ``astray``: its CNI_NETNS leads nowhere, if it has one.
    """

    action: Call | Event
    begin: float
    end: float
    key: Key = ("", "")
    valid: frozenset[Key] = frozenset()
    containers: frozenset[str] = frozenset()
    robbed: frozenset[str] = frozenset()
    outcome: Outcome | None = None
    disturbed: bool = False
    astray: bool = False

    @property
    def verb(self) -> str:
        return self.action.verb if isinstance(self.action, Call) else ""

    @property
    def network(self) -> str:
        return self.action.network if isinstance(self.action, Call) else ""

    @property
    def ok(self) -> bool:
        return self.outcome is not None and self.outcome.ok

    @property
    def rewrites(self) -> bool:
        """Whether there is another database after it."""
        return isinstance(self.action, Event) and self.action.kind in REWRITING

    @property
    def killed(self) -> bool:
        """Whether nobody got an answer."""
        return self.outcome is not None and self.outcome.status is not None and self.outcome.status < 0

    def touches(self, key: Key, networks: Collection[str]) -> bool:
        """Whether it may change an attachment that is, or may be, in these networks."""
        if isinstance(self.action, Event):
            lost = self.action.kind == "lose" and any(MASTERS[each] == self.action.master for each in networks)
            return lost or key[0] in self.containers | self.robbed
        if self.verb in {"ADD", "DEL"}:
            return self.key == key
        return self.verb == "GC" and self.network in networks and key not in self.valid

    def line(self) -> str:
        """The step as one line of JSON; what is usual is left out."""
        values: dict[str, Any] = {"begin": round(self.begin, 4), "end": round(self.end, 4)}
        values |= {name: value for name, value in asdict(self.action).items() if value not in ("", 0, 0.0, False, ())}
        if self.key[0]:
            values["id"] = "/".join(self.key)
        if self.verb == "GC":
            values["valid"] = sorted("/".join(key) for key in self.valid)
        if self.outcome is not None:
            values["answer"] = {"status": self.outcome.status}
            if self.outcome.code:
                found = self.outcome.document if isinstance(self.outcome.document, dict) else {}
                values["answer"] |= {"code": self.outcome.code, "msg": found.get("msg", self.outcome.stderr[-200:])}
            elif self.verb == "ADD":
                values["answer"] |= {"ips": sorted(self.outcome.addresses), "mac": self.outcome.mac}
        return json.dumps(values)


@dataclass
class History:
    """All steps, in the order of their ends; each is also written to a file at once."""

    path: Path
    steps: list[Step] = field(default_factory=list)

    def add(self, steps: list[Step]) -> None:
        """Keep the steps of a batch."""
        self.steps += steps
        with self.path.open("a") as file:
            file.writelines(f"{step.line()}\n" for step in steps)

    def that_matters(self, containers: Collection[str], networks: Collection[str]) -> list[str]:
        """The end of the history, from the last ADD of the containers but one on, without what concerns others.

        Without containers it concerns all.
        """
        concerning = [step for step in self.steps if not containers or _concerns(step, containers, networks)]
        adds = [number for number, step in enumerate(concerning) if step.verb == "ADD" and step.key[0] in containers]
        begin = adds[-2] if len(adds) > 1 else 0
        return [step.line() for step in concerning[begin:]][-MOST_SHOWN:]


def _concerns(step: Step, containers: Collection[str], networks: Collection[str]) -> bool:
    if isinstance(step.action, Event):
        concerned = step.containers | step.robbed
        return not concerned or not concerned.isdisjoint(containers)
    return step.key[0] in containers or (step.verb == "GC" and step.network in networks)
