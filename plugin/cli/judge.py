"""Everything that an ADD would say to one plugin's configuration, and what it would only ignore."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from conf import models, versions
from conf.addresses import BUILT_IN, POOL, STATIC
from conf.document import decode_object, read_document
from conf.errors import CniError, InvalidNetworkConfig
from conf.keys import UnknownKeys, did_you_mean
from conf.strict import read_ipam_request, read_request
from ipam.resolve import built_in
from plugin.cli.findings import Finding, doubtful, refused
from plugin.cli.networks import asking
from plugin.cli.positions import Path, parsed, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conf.request import Request
    from plugin.cli.networks import Plugin
    from plugin.node import Node

MAIN_TYPES = {POOL, "macvlan"}
SERVED = {"mac", "ips", "ipRanges"}
"""The capabilities that do something here."""

BY_RUNTIME = ("runtimeConfig", "prevResult", "cni.dev/attachments", "cni.dev/valid-attachments")
SINCE = {"disableCheck": "0.4.0", "disableGC": "1.1.0"}


def is_main(plugin: Plugin) -> bool:
    """Whether the plugin is one of ours, and not another that may use our addresses."""
    return plugin.type in MAIN_TYPES


def is_ours(plugin: Plugin) -> bool:
    """Whether we serve the plugin, or its addresses."""
    return is_main(plugin) or plugin.ipam_type == POOL


def judge(plugin: Plugin, node: Node, request: list[Request]) -> Iterator[Finding]:
    """Findings of one plugin that is ours; the request of what is left when they are mended is added to the list."""
    values = plugin.values
    while True:
        try:
            request.append(_as_add(plugin, values, node))
            break
        except CniError as error:
            found = [error, *error.others]
            yield from (refused(plugin, each) for each in found)
            before, values = values, _without(values, [each.key for each in found])
            if values == before:
                break
    yield from _unknown(plugin)
    yield from _mismatches(plugin)


def _as_add(plugin: Plugin, values: dict[str, Any], node: Node) -> Request:
    """Do as ADD does before its first effect."""
    document = read_document(json.dumps(values).encode(), "ADD")
    read = read_request if is_main(plugin) else read_ipam_request
    request = read(asking("ADD", ""), document)
    if request.ipam_type in BUILT_IN:
        built_in(request, node.store)
    return request


def _without(values: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The values without what was found wrong, so that what is behind it is found as well.

    Addresses are left out as a whole: half of them would be wrong for another reason.
    """
    values = decode_object(json.dumps(values).encode())
    for key in keys:
        first, *rest = parsed(key) or ("",)
        name = next((each for each in values if each.lower() == str(first).lower()), "")
        if first in ("name", "cniVersion"):
            values[str(first)] = {"name": "lint", "cniVersion": versions.LATEST}[str(first)]
        elif rest and rest[0] in ("routes", "dns", "resolvConf", "dataDir") and isinstance(values.get(name), dict):
            values[name].pop(rest[0], None)
        else:
            values.pop(name, None)
    return values


def _unknown(plugin: Plugin) -> Iterator[Finding]:
    """Keys that nobody reads, each at every place where it stands."""
    unknown: UnknownKeys = []
    ipam = plugin.values.get("ipam")
    if is_main(plugin):
        with suppress(InvalidNetworkConfig):
            models.validate(models.NetworkModel, plugin.values, "", unknown)
    if isinstance(ipam, dict) and plugin.ipam_type in BUILT_IN:
        model = models.StaticModel if plugin.ipam_type == STATIC else models.PoolModel
        with suppress(InvalidNetworkConfig):
            models.validate(model, ipam, "ipam.", unknown)
    for where, key, known in {(where, key): (where, key, known) for where, key, known in unknown}.values():
        message = f'"{key}" is not known and ignored; {did_you_mean(key, known)}'
        for path in _places(plugin, where, key):
            yield doubtful(plugin, spelled(path), message)


def _places(plugin: Plugin, where: str, key: str) -> list[Path]:
    """The places in the plugin's object where the key stands in an object of the kind ``where``."""
    start = len(plugin.path)
    inside = [path[start:] for path in plugin.network.lines if path[:start] == plugin.path and path[-1:] == (key,)]
    return [path for path in inside if _kind(path[:-1]) == where.lower()] or [(*parsed(where), key)]


def _kind(path: Path) -> str:
    return "".join("[]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".").lower()


def _mismatches(plugin: Plugin) -> Iterator[Finding]:
    """Keys that do nothing: of another version, for nobody, or overwritten."""
    values, stated = plugin.values, plugin.values.get("cniVersion")
    if stated is None:
        yield doubtful(
            plugin,
            "cniVersion",
            f'there is no "cniVersion", and {versions.UNSTATED} has neither CHECK nor GC; state one',
        )
    own = plugin.network.values.get("plugins", [{}])[plugin.path[1]].get("cniVersion") if plugin.path else None
    if own not in (None, stated):
        yield doubtful(
            plugin, "type", f'the list\'s "cniVersion" {stated!r} takes the place of {own!r}; remove one of them'
        )
    for key, first in SINCE.items():
        if key in plugin.network.values and stated in versions.SUPPORTED and not versions.at_least(stated, first):
            yield doubtful(plugin, key, f'"{key}" means something from "cniVersion" {first} on, this is {stated}')
    for key in BY_RUNTIME:
        if key in values:
            yield doubtful(plugin, key, f'"{key}" is filled in by the runtime; remove it')
    capabilities = values.get("capabilities")
    if is_main(plugin) and isinstance(capabilities, dict):
        for name in capabilities:
            if name not in SERVED:
                served = ", ".join(sorted(SERVED))
                yield doubtful(plugin, "capabilities", f'capability "{name}" is not served; those served are {served}')
