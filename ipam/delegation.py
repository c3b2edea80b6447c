"""What an executed IPAM plugin was told at ADD: kept in the attachment's record, so that its DEL needs nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from conf.document import Document, read_document
from conf.environment import Environment, read_environment
from conf.errors import IpamPluginMissing
from conf.keys import fold_keys
from conf.request import VALID_ATTACHMENTS, Request, read_remains

if TYPE_CHECKING:
    from ipam.lease import Attachment

MOST_BYTES: Final = 16 << 10
"""Of one attachment; a configuration that is larger is kept without what is beside its ``ipam``, or not at all."""
NEEDED: Final = ("cniVersion", "name", "type", "ipam")
OF_THE_CALL: Final = {"prevresult", VALID_ATTACHMENTS}


@dataclass(frozen=True)
class Delegation:
    """The network configuration, None where it is not kept, the directories of CNI_PATH, and CNI_ARGS."""

    config: dict[str, Any] | None = None
    path: tuple[str, ...] = ()
    args: str = ""

    @property
    def ipam(self) -> Any:  # noqa: ANN401 - any JSON
        """The plugin's own object."""
        return fold_keys(self.config or {}, ["ipam"])[0].get("ipam")


def delegation_of(request: Request) -> str:
    """What the plugin is told in this call, as text of at most ``MOST_BYTES``; never "".

    It holds whatever secrets the configuration does, and stands where root alone reads.
    """
    environment, values = request.environment, request.document.values
    whole = {key: value for key, value in values.items() if key.lower() not in OF_THE_CALL}
    needed = fold_keys(whole, NEEDED)[0]
    for config in (whole, needed, None):
        text = json.dumps({"config": config, "path": environment.path, "args": environment.args}, separators=(",", ":"))
        if len(text) <= MOST_BYTES:  # ASCII
            return text
    return "{}"


def read_delegation(text: str) -> Delegation:
    """The text of a record; "", of an earlier release, tells nothing."""
    values = json.loads(text or "{}")
    return Delegation(values.get("config"), tuple(values.get("path", ())), values.get("args", ""))


def deletion_of(known: Attachment, environment: Environment, document: Document | None) -> Request:
    """The DEL that the attachment's plugin is to get, within a call that has this environment and configuration.

    What the runtime says in a DEL goes before what was recorded, but for an ``ipam`` object that has changed since: the
    plugin finds by it what it gave. Raises IpamPluginMissing where neither tells how the plugin was configured.
    """
    told = read_delegation(known.delegation)
    owner, is_del = known.owner, environment.command == "DEL"
    directories = dict.fromkeys((*environment.path, *told.path))
    variables = {
        **environment.variables,
        "CNI_COMMAND": "DEL",
        "CNI_CONTAINERID": owner.container_id,
        "CNI_IFNAME": owner.ifname,
        "CNI_NETNS": environment.netns if is_del else known.netns,
        "CNI_ARGS": (environment.args if is_del else "") or told.args,
        "CNI_PATH": ":".join(directories),
    }
    read = _document(known, told, document, is_del=is_del)
    return read_remains(read_environment({key: value for key, value in variables.items() if value}), read)


def _document(known: Attachment, told: Delegation, document: Document | None, *, is_del: bool) -> Document:
    configured = fold_keys(document.values, ["ipam"])[0].get("ipam", {}) if document else {}
    if document is not None and is_del and told.config is not None and configured == told.ipam:
        return document
    values = told.config
    names = fold_keys(configured, ["type"])[0].get("type") if isinstance(configured, dict) else None
    if values is None and document is not None and names == known.ipam:
        values = {key: value for key, value in document.values.items() if key.lower() != VALID_ATTACHMENTS}
    if values is None:
        raise IpamPluginMissing(
            f'how IPAM plugin "{known.ipam}" was configured is not recorded; "cni-macvlan-py gc" can ask it, with the '
            f'configuration of network "{known.owner.network}" in --conf-dir',
            "the record is of an earlier release, or the configuration was too large to be kept",
        )
    if document is not None and is_del:  # a runtime's prevResult is in the version of its configuration
        result = fold_keys(document.values, ["prevResult"])[0]
        values = values | (result if fold_keys(values, ["cniVersion"])[0].get("cniVersion") == document.version else {})
    return read_document(json.dumps(values).encode(), "DEL")
