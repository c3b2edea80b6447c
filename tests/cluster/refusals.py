"""What the API server says of a request that it does not serve, as clients expect it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cluster.kinds import Kind
    from tests.runtime import Json


class Refusal(Exception):
    """A request fails with an HTTP status and a reason of Kubernetes' own."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self._reason = reason

    @property
    def document(self) -> Json:
        """The Status object that is the answer."""
        told = {"status": "Failure", "reason": self._reason, "code": self.code, "message": str(self)}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **told}


def not_found(kind: Kind, name: str) -> Refusal:
    """There is no such object."""
    return Refusal(404, "NotFound", f'{kind.resource} "{name}" not found')


def already_exists(kind: Kind, name: str) -> Refusal:
    """There is such an object."""
    return Refusal(409, "AlreadyExists", f'{kind.resource} "{name}" already exists')


def invalid(told: object) -> Refusal:
    """What was sent is not as its schema wants it."""
    return Refusal(400, "BadRequest", str(told))


def unserved(what: str) -> Refusal:
    """No part of this server."""
    return Refusal(404, "NotFound", f"this stand-in for an API server does not serve {what}")
