"""Verb and role → the function that serves them, with the part of the configuration that each may rely on."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from conf.keys import UnknownKeys, did_you_mean
from conf.request import Request, read_remains
from plugin.dispatch import ipam_role as ipam_role_of
from plugin.verbs import ipam_role
from plugin.verbs.add import add
from plugin.verbs.check import check
from plugin.verbs.delete import delete
from plugin.verbs.gc import gc
from plugin.verbs.status import status

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.document import Document
    from conf.environment import Environment
    from plugin.node import Node

MOST_TOLD = 100

log = logging.getLogger(__name__)


def _strict(environment: Environment, document: Document) -> Request:
    from conf.strict import read_request  # noqa: PLC0415 - pydantic takes 60 ms to import, and DEL does without

    return read_request(environment, document)


def _strict_ipam(environment: Environment, document: Document) -> Request:
    from conf.strict import read_ipam_request  # noqa: PLC0415 - as above

    return read_ipam_request(environment, document)


# DEL and GC have to work with a configuration that ADD would refuse.
MAIN = {
    "ADD": (_strict, add),
    "DEL": (read_remains, delete),
    "CHECK": (_strict, check),
    "STATUS": (_strict, status),
    "GC": (read_remains, gc),
}
IPAM = {
    "ADD": (_strict_ipam, ipam_role.add),
    "DEL": (read_remains, ipam_role.delete),
    "CHECK": (_strict_ipam, ipam_role.check),
    "STATUS": (_strict_ipam, ipam_role.status),
    "GC": (read_remains, ipam_role.gc),
}


def route(environment: Environment, document: Document, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Serve one well-formed call."""
    role = ipam_role_of(document, node.executable)
    read, serve = (IPAM if role else MAIN)[environment.command]
    request = read(environment, document)
    if role:
        request = replace(request, ipam_type=role)
    try:
        serve(request, node, deliver)
    finally:
        if environment.command != "STATUS":  # which is asked all the time, about a configuration that ADD tells of
            _log_unknown(request.unknown_keys)


def _log_unknown(unknown: UnknownKeys) -> None:
    for where, key, known in unknown[:MOST_TOLD]:
        log.warning(
            '"%s" is not known%s and ignored; %s', key, f' in "{where}"' if where else "", did_you_mean(key, known)
        )
    if len(unknown) > MOST_TOLD:
        log.warning("%d more keys are not known and ignored", len(unknown) - MOST_TOLD)
