"""Any other IPAM plugin, executed from CNI_PATH (SPEC 1.1, section 4, "Plugin Delegation")."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from conf.errors import CniError, DelegateError, IpamPluginFailure, IpamPluginMissing, Unavailable
from conf.keys import fold_keys
from conf.result import read_result
from ipam import pool
from ipam.execution import LONGEST_ANSWER, AnswerTooLong, execute
from ipam.lease import AssignedAddress, Assignment
from ipam.reclaim import forget_invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from netaddr import IPAddress

    from conf.addresses import Route
    from conf.request import Request
    from ipam.lease import Attachment, Owner
    from ipam.store.sqlite import SqliteStore


LEAST_SECONDS: Final = 5.0
"""What each execution may take at least: a DEL after an ADD that has used up the time of the call."""


class Delegate:
    """An IPAM plugin that is somebody else's executable; ``path`` None: it was not found in CNI_PATH.

    ``timeout`` is the seconds that all that is executed for one call may take together.
    """

    directory = ""
    passed_on: tuple[int, ...] = ()
    executed = True
    routes: tuple[Route, ...] | None = None

    def __init__(self, request: Request, path: str | None, store: SqliteStore, timeout: float) -> None:
        self._request = request
        self._path = path
        self._store = store
        self._timeout = timeout
        self._began: float | None = None
        self._replace = False

    def acquire(self, attachment: Attachment, *, replace: bool) -> Assignment:
        """Record the attachment."""
        self._require_path()
        self._replace = replace
        with self._store.transaction(attachment.owner.network) as tx:
            pool.void_earlier_boot(tx, tx)
            tx.record(attachment)
        return Assignment()

    def complete(self, assignment: Assignment) -> Assignment:  # noqa: ARG002 - nothing was given yet
        """Run its ADD, after its DEL if an ADD that was killed may have taken something."""
        if self._replace:
            self._run("DEL")
        return self._assignment(self._run("ADD"))

    def release(self, owner: Owner) -> None:
        """Run its DEL; the attachment is forgotten only if that went well, so that GC can try again."""
        self._run("DEL")
        with self._store.transaction(owner.network) as tx:
            tx.forget(owner)

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:  # noqa: ARG002 - it has the prevResult
        """Run its CHECK."""
        self._run("CHECK")

    def status(self, network: str) -> None:
        """Run its STATUS; without the executable no ADD can be served."""
        try:
            self._require_path()
        except IpamPluginMissing as error:
            raise Unavailable(error.msg, error.details) from error
        self._store.probe(network)
        self._run("STATUS")

    def sweep(self, network: str, valid: Collection[tuple[str, str]] | None) -> int:
        """Run its GC, which judges for itself; then forget what is not valid."""
        self._run("GC")
        return forget_invalid(self._store, network, valid)

    def _require_path(self) -> str:
        if self._path is None:
            directories = " ".join(self._request.environment.path)
            raise IpamPluginMissing(
                f'failed to find plugin "{self._request.ipam_type}" in path [{directories}]; '
                'install it there, or mend "ipam.type"',
                'this plugin itself serves "cni-macvlan-py", "host-local" and "static"',
                "ipam.type",
            )
        return self._path

    def _run(self, verb: str) -> bytes:
        """Execute the plugin with our own stdin and environment; its stderr is ours."""
        path = self._require_path()
        variables = {**self._request.environment.variables, "CNI_COMMAND": verb}
        seconds = self._seconds_left()
        try:
            status, stdout = execute(path, self._request.document.stdin, variables, self.passed_on, seconds)
        except TimeoutError as error:
            raise IpamPluginFailure(
                f'IPAM plugin "{path}" did not end its {verb} within {seconds:.3g} s and was killed; '
                'mend what it waits for, or raise "delegate_timeout" in the settings',
                f'"delegate_timeout" is {self._timeout:g} s for all that one call executes',
            ) from error
        except AnswerTooLong as error:
            raise IpamPluginFailure(
                f'IPAM plugin "{path}" answered its {verb} with more than {LONGEST_ANSWER} bytes and was killed; '
                'fix it, or name another in "ipam.type"',
                "a result has some hundred bytes",
            ) from error
        except OSError as error:
            raise IpamPluginFailure(
                f'IPAM plugin "{path}" cannot be run: {error.strerror}; mend its installation', f"verb {verb}"
            ) from error
        if status:
            raise _failure(path, verb, status, stdout)
        return stdout

    def _seconds_left(self) -> float:
        """How long an execution may take that begins now; the call's time begins with its first."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        return max(self._began + self._timeout - now, min(self._timeout, LEAST_SECONDS))

    def _assignment(self, stdout: bytes) -> Assignment:
        origin = f'the answer of IPAM plugin "{self._path}"'
        try:
            values = json.loads(stdout)
        except ValueError as error:
            raise IpamPluginFailure(f"{origin} is not JSON: {error}; mend that plugin", repr(stdout[:200])) from error
        if not isinstance(values, dict):
            raise IpamPluginFailure(f"{origin} is not a JSON object; mend that plugin", repr(stdout[:200]))
        try:
            result = read_result(values, self._request.version, origin)
        except CniError as error:
            raise IpamPluginFailure(error.msg, error.details) from error
        addresses = tuple(AssignedAddress(ip.address, ip.gateway) for ip in result.ips)
        return Assignment(addresses, result.routes, result.dns)


def _failure(path: str, verb: str, status: int, stdout: bytes) -> CniError:
    """The plugin's own error object where it gave one, in its own words."""
    try:
        values, _ = fold_keys(json.loads(stdout), ["code", "msg", "details"])
        code, msg, details = values.get("code", 0), values["msg"], values.get("details", "")
    except (ValueError, KeyError, AttributeError):
        return IpamPluginFailure(
            f'IPAM plugin "{path}" failed with status {status} and no error message; look into its log',
            repr(stdout[:200]),
        )
    if not (isinstance(code, int) and code > 0):
        return IpamPluginFailure(str(msg), str(details) or f'from IPAM plugin "{path}", verb {verb}')
    return DelegateError(code, str(msg), str(details))
