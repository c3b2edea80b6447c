"""One call as the verbs see it; and what DEL and GC read of a configuration that ADD would refuse."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from conf.errors import InvalidNetworkConfig
from conf.ipam_config import Dns
from conf.keys import UnknownKeys, fold_keys
from conf.link_config import LinkConfig

if TYPE_CHECKING:
    from collections.abc import Collection

    from conf.document import Document
    from conf.environment import Environment

VALID_ATTACHMENTS = "cni.dev/valid-attachments"


@dataclass(frozen=True)
class Request:
    """One call, understood, but for the ``ipam`` object, which is judged by whoever serves its type.

    ``args_ips`` and ``runtime_ips`` are the addresses that the runtime asks for by ``args.cni`` and ``runtimeConfig``,
    ``runtime_ranges`` the range sets that it puts before the configured ones.
    """

    environment: Environment
    document: Document
    link: LinkConfig = field(default_factory=LinkConfig)
    ipam: dict[str, Any] = field(default_factory=dict)
    ipam_type: str = ""
    dns: Dns = field(default_factory=Dns)
    prev_result: dict[str, Any] | None = None
    args_ips: tuple[str, ...] = ()
    runtime_ips: tuple[str, ...] = ()
    runtime_ranges: tuple[Any, ...] = ()
    arguments: dict[str, str] = field(default_factory=dict)
    unknown_keys: UnknownKeys = field(default_factory=list)

    @property
    def network(self) -> str:
        """The network's name."""
        return self.document.network

    @property
    def version(self) -> str:
        """The configuration's cniVersion."""
        return self.document.version


def read_remains(environment: Environment, document: Document) -> Request:
    """As much of a configuration as DEL and GC need; never raises, for a bad value must not keep a link alive."""
    values, _ = fold_keys(document.values, ["ipam"])
    ipam = values.get("ipam")
    ipam = ipam if isinstance(ipam, dict) else {}
    ipam_type = fold_keys(ipam, ["type"])[0].get("type")
    return Request(
        environment=environment,
        document=document,
        ipam=ipam,
        ipam_type=ipam_type if isinstance(ipam_type, str) else "",
    )


def read_valid_attachments(document: Document) -> frozenset[tuple[str, str]] | None:
    """GC's list of what is to stay, as (container id, ifname); None where the key is absent.

    A present ``null`` is Go's empty slice: nothing is valid. Raises InvalidNetworkConfig for another shape.
    """
    if VALID_ATTACHMENTS not in document.values:
        return None
    entries = document.values[VALID_ATTACHMENTS] or []
    if not isinstance(entries, list):
        raise InvalidNetworkConfig(f'"{VALID_ATTACHMENTS}" is {entries!r}; it has to be a list', "nothing was removed")
    return frozenset(_identity(entry) for entry in entries)


def with_valid_attachments(document: Document, valid: Collection[tuple[str, str]]) -> Document:
    """GC's configuration with these on its list as well; as it came where all of them are."""
    missing = sorted(set(valid).difference(read_valid_attachments(document) or ()))
    if not missing:
        return document
    added = [{"containerID": container_id, "ifname": ifname} for container_id, ifname in missing]
    values = document.values | {VALID_ATTACHMENTS: [*(document.values[VALID_ATTACHMENTS] or ()), *added]}
    return replace(document, stdin=json.dumps(values).encode(), values=values)


def _identity(entry: object) -> tuple[str, str]:
    names = fold_keys(entry, ["containerID", "ifname"])[0] if isinstance(entry, dict) else {}
    container_id, ifname = names.get("containerID"), names.get("ifname")
    if not (isinstance(container_id, str) and isinstance(ifname, str) and container_id and ifname):
        raise InvalidNetworkConfig(
            f'"{VALID_ATTACHMENTS}" holds {entry!r}; each entry needs "containerID" and "ifname"', "nothing was removed"
        )
    return container_id, ifname
