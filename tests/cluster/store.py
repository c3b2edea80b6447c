"""The objects of the cluster, each with its history since the beginning, for whoever watches."""

from __future__ import annotations

import copy
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.cluster.refusals import already_exists, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.kinds import Kind
    from tests.runtime import Json

SECONDS = 60.0


@dataclass(frozen=True)
class Event:
    """What happened to an object: ADDED, MODIFIED or DELETED, and how it is since."""

    version: int
    kind: Kind
    what: str
    object: Json


class Store:
    """Objects by kind, namespace and name; every one that goes in or out is a copy."""

    def __init__(self) -> None:
        self._objects: dict[tuple[Kind, str, str], Json] = {}
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._closed = False

    @property
    def version(self) -> int:
        """How many changes there were."""
        return len(self._events)

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def create(self, kind: Kind, made: Json) -> Json:
        """Add an object; raises Refusal if there is one of its name."""
        metadata = {"generation": 1, "uid": str(uuid.uuid4()), "creationTimestamp": now(), **made["metadata"]}
        with self._changed:
            if self._key(kind, made) in self._objects:
                raise already_exists(kind, metadata["name"])
            return self._happened(kind, "ADDED", {**made, "metadata": metadata})

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """An object; raises Refusal."""
        with self._changed:
            return copy.deepcopy(self._found(kind, namespace, name))

    def list(self, kind: Kind, namespace: str = "") -> list[Json]:
        """The objects of a namespace, or of all."""
        with self._changed:
            return [
                copy.deepcopy(each)
                for (of, where, _), each in self._objects.items()
                if of == kind and namespace in {"", where}
            ]

    def change(self, kind: Kind, namespace: str, name: str, change: Callable[[Json], Json]) -> Json:
        """Replace an object by what is made of it; a new specification is a new generation. Raises Refusal."""
        with self._changed:
            former = self._found(kind, namespace, name)
            changed = change(copy.deepcopy(former))
            if changed == former:
                return changed
            if changed.get("spec") != former.get("spec"):
                changed["metadata"]["generation"] += 1
            return self._happened(kind, "MODIFIED", changed)

    def remove(self, kind: Kind, namespace: str, name: str) -> Json:
        """Take an object away; raises Refusal."""
        with self._changed:
            gone = self._found(kind, namespace, name)
            del self._objects[kind, namespace, name]
            return self._happened(kind, "DELETED", gone)

    def events(self, since: int) -> Iterator[Event]:
        """What happens after a version, as it happens, until the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self.version > since)  # noqa: B023 - called at once
                if self._closed:
                    return
                happened = self._events[since:]
            yield from happened
            since = happened[-1].version

    def wait(self, since: int, seconds: float) -> bool:
        """Wait for a change after a version, for a limited time; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.version > since, seconds)
            return not self._closed

    def _found(self, kind: Kind, namespace: str, name: str) -> Json:
        try:
            return self._objects[kind, namespace, name]
        except KeyError:
            raise not_found(kind, name) from None

    def _happened(self, kind: Kind, what: str, changed: Json) -> Json:
        changed = copy.deepcopy(changed)
        version = self.version + 1
        changed["metadata"]["resourceVersion"] = str(version)
        if what != "DELETED":
            self._objects[self._key(kind, changed)] = changed
        self._events.append(Event(version, kind, what, changed))
        self._changed.notify_all()
        return copy.deepcopy(changed)

    @staticmethod
    def _key(kind: Kind, made: Json) -> tuple[Kind, str, str]:
        return kind, made["metadata"].get("namespace", ""), made["metadata"]["name"]


def now() -> str:
    """The time as objects have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
