"""Verb and role → the function that serves them, with the part of the configuration that each may rely on."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from conf.keys import UnknownKeys, did_you_mean, fold_keys
from conf.request import Request, read_remains

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.document import Document
    from conf.environment import Environment
    from plugin.node import Node

IPAM_ROLES = {"host-local", "static"}
MOST_TOLD = 100

log = logging.getLogger(__name__)


def _strict(environment: Environment, document: Document) -> Request:
    from conf.call import read_request  # noqa: PLC0415 - pydantic takes 60 ms to import, and DEL does without

    return read_request(environment, document)


def _strict_ipam(environment: Environment, document: Document) -> Request:
    from conf.call import read_ipam_request  # noqa: PLC0415 - as above

    return read_ipam_request(environment, document)


# The module and function of each verb; no other verb's module is imported, which saves a process 5 ms.
# DEL and GC have to work with a configuration that ADD would refuse.
MAIN = {
    "ADD": (_strict, "plugin.verbs.add", "add"),
    "DEL": (read_remains, "plugin.verbs.delete", "delete"),
    "CHECK": (_strict, "plugin.verbs.check", "check"),
    "STATUS": (_strict, "plugin.verbs.status", "status"),
    "GC": (read_remains, "plugin.verbs.gc", "gc"),
}
IPAM = {
    "ADD": (_strict_ipam, "plugin.verbs.ipam_role", "add"),
    "DEL": (read_remains, "plugin.verbs.ipam_role", "delete"),
    "CHECK": (_strict_ipam, "plugin.verbs.ipam_role", "check"),
    "STATUS": (_strict_ipam, "plugin.verbs.ipam_role", "status"),
    "GC": (read_remains, "plugin.verbs.ipam_role", "gc"),
}


def route(environment: Environment, document: Document, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Serve one well-formed call."""
    role = _called_for(document, node.executable)
    read, module, function = (IPAM if role else MAIN)[environment.command]
    request = read(environment, document)
    if role:
        request = replace(request, ipam_type=role)
    serve = getattr(import_module(module), function)
    try:
        serve(request, node, deliver)
    finally:
        if environment.command != "STATUS":  # which is asked all the time, about a configuration that ADD tells of
            _log_unknown(request.unknown_keys)


def _called_for(document: Document, executable: str) -> str:
    """The ``ipam.type`` that another main plugin calls us for, "" if we are the main plugin.

    We are told by the name that we are called by, or by the configuration's ``type``, which is then another's.
    """
    called_as = os.path.basename(executable)
    values, _ = fold_keys(document.values, ["type", "ipam"])
    ipam = values.get("ipam")
    ipam_type = fold_keys(ipam, ["type"])[0].get("type") if isinstance(ipam, dict) else None
    is_role = called_as in IPAM_ROLES or (ipam_type == called_as and values.get("type", called_as) != called_as)
    return called_as if is_role else ""


def _log_unknown(unknown: UnknownKeys) -> None:
    for where, key, known in unknown[:MOST_TOLD]:
        log.warning(
            '"%s" is not known%s and ignored; %s', key, f' in "{where}"' if where else "", did_you_mean(key, known)
        )
    if len(unknown) > MOST_TOLD:
        log.warning("%d more keys are not known and ignored", len(unknown) - MOST_TOLD)
