"""Any other IPAM plugin, executed from CNI_PATH (SPEC 1.1, section 4, "Plugin Delegation")."""

from __future__ import annotations

import logging
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Final

from conf.document import decode_json
from conf.errors import CniError, DelegateError, IpamPluginFailure, IpamPluginMissing, Unavailable
from conf.keys import fold_keys
from conf.request import with_valid_attachments
from conf.result import read_result
from ipam import pool
from ipam.delegation import delegation_of
from ipam.execution import LONGEST_ANSWER, AnswerTooLong, execute
from ipam.lease import AssignedAddress, Assignment
from ipam.source import take_over

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from netaddr import IPAddress

    from conf.ipam_config import Route
    from conf.request import Request
    from ipam.lease import Attachment, Owner
    from ipam.patience import Patience
    from ipam.store.files import Mark
    from ipam.store.sqlite import SqliteStore

CURES: Final = {
    "error dialing DHCP daemon": "start it on this node, as root: {path} daemon",
}
"""How errors of others begin that do not say what to do, and what that is."""

log = logging.getLogger(__name__)


class Delegate:
    """An IPAM plugin that is somebody else's executable; ``path`` None: it was not found in CNI_PATH.

    It gets an ADD, and a DEL where it may hold something: after an ADD that it refused in its own words it gets one
    as well, but what that answers is of no interest any more.
    """

    directory = ""
    passed_on: tuple[int, ...] = ()
    executed = True
    routes: tuple[Route, ...] | None = None

    def __init__(
        self, request: Request, path: str | None, store: SqliteStore, patience: Patience, *, before_link: bool
    ) -> None:
        self.before_link = before_link
        self._request = request
        self._path = path
        self._store = store
        self._patience = patience
        self._asked = True
        self._may_hold = True
        self._was_killed = False
        self._handed_back = False

    def acquire(self, attachment: Attachment, *, replace: bool, over: Attachment | None = None) -> Assignment:
        """Record the attachment, with what the plugin is about to be told."""
        self._require_path()
        told = changed(attachment, delegation=delegation_of(self._request))
        with self._store.transaction(attachment.owner.network) as tx:
            pool.void_earlier_boot(tx, tx)
            former = take_over(tx, told, replace=replace, over=over)
        self._asked, self._may_hold = False, former is not None and former.executed
        return Assignment()

    def complete(self, assignment: Assignment) -> Assignment:  # noqa: ARG002 - nothing was given yet
        """Run its ADD."""
        held_before, self._may_hold, self._asked = self._may_hold, True, True
        try:
            stdout = self._run("ADD")
        except CniError:
            self._may_hold = held_before or self._was_killed
            raise
        given = self._assignment(stdout)
        self._may_hold = held_before or bool(given.addresses)
        return given

    def hand_back(self, owner: Owner) -> bool:  # noqa: ARG002 - the request says whose
        """Run its DEL, once; raises what that answers, unless it holds nothing."""
        if self._handed_back:
            return not self._may_hold
        self._handed_back = True
        if self._asked or self._may_hold:
            try:
                self._run("DEL")
            except CniError as error:
                if self._may_hold:
                    raise
                log.info("after an ADD that failed: %s", error)
        self._may_hold = False
        return True

    def release(self, owner: Owner) -> None:
        """Run its DEL, unless it was; the attachment is forgotten only if that went well, so that GC can try again."""
        if self.hand_back(owner):
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

    def held(self, network: str) -> Mapping[str, Mark]:  # noqa: ARG002 - it judges for itself
        """Nothing that we could see."""
        return {}

    def sweep(self, network: str, valid: Collection[tuple[str, str]] | None, held: Mapping[str, Mark]) -> int:  # noqa: ARG002 - it has the list
        """Run its GC, which judges for itself; what is recorded still, such as who came meanwhile, is valid to it."""
        document = self._request.document
        if valid is not None:
            with self._store.transaction(network) as tx:
                recorded = {(each.owner.container_id, each.owner.ifname) for each in tx.attachments()}
            document = with_valid_attachments(document, recorded.union(valid))
        self._run("GC", document.stdin)
        return 0

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

    def _run(self, verb: str, stdin: bytes | None = None) -> bytes:
        """Execute the plugin with our own environment, and our own stdin if it has none; its stderr is ours."""
        path = self._require_path()
        variables = {**self._request.environment.variables, "CNI_COMMAND": verb}
        seconds = self._patience.left()
        stdin = self._request.document.stdin if stdin is None else stdin
        try:
            status, stdout = execute(path, stdin, variables, self.passed_on, seconds)
        except TimeoutError as error:
            self._was_killed = True
            raise IpamPluginFailure(
                f'IPAM plugin "{path}" did not end its {verb} within {seconds:.3g} s and was killed; '
                'mend what it waits for, or raise "delegate_timeout" in the settings',
                f'"delegate_timeout" is {self._patience.seconds:g} s for all that one call executes',
            ) from error
        except AnswerTooLong as error:
            self._was_killed = True
            raise IpamPluginFailure(
                f'IPAM plugin "{path}" answered its {verb} with more than {LONGEST_ANSWER} bytes and was killed; '
                'fix it, or name another in "ipam.type"',
                "a result has some hundred bytes",
            ) from error
        except OSError as error:
            raise IpamPluginFailure(
                f'IPAM plugin "{path}" cannot be run: {error.strerror}; mend its installation', f"verb {verb}"
            ) from error
        self._was_killed = status < 0
        if status:
            raise _failure(path, verb, status, stdout)
        return stdout

    def _assignment(self, stdout: bytes) -> Assignment:
        origin = f'the answer of IPAM plugin "{self._path}"'
        try:
            values = decode_json(stdout)
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
        values, _ = fold_keys(decode_json(stdout), ["code", "msg", "details"])
        code, msg, details = values.get("code", 0), values["msg"], values.get("details", "")
    except (ValueError, KeyError, AttributeError):
        return IpamPluginFailure(
            f'IPAM plugin "{path}" failed with status {status} and no error message; look into its log',
            repr(stdout[:200]),
        )
    # An unsigned number of 32 bits, as runtimes read it; in Python true is a number, too.
    if isinstance(code, bool) or not isinstance(code, int) or not 0 < code < 1 << 32:
        return IpamPluginFailure(str(msg), str(details) or f'from IPAM plugin "{path}", verb {verb}')
    cures = [cure.format(path=path) for beginning, cure in CURES.items() if str(msg).startswith(beginning)]
    return DelegateError(code, "; ".join([str(msg), *cures]), str(details))
