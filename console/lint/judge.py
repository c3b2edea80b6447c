"""Everything that an ADD would say to one plugin's configuration, and what it would only ignore."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from conf import models, versions
from conf.document import decode_object
from conf.errors import CniError, InvalidNetworkConfig
from conf.ipam_config import BUILT_IN, POOL, STATIC
from conf.keys import UnknownKeys, did_you_mean, fold_keys
from console.configs.meaning import Understood, understood
from console.configs.positions import Path, parsed, spelled
from console.lint.finding import ERROR, Finding, doubtful, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.configs.networks import Plugin

SERVED: Final = ("ipRanges", "ips", "mac")
"""The capabilities that do something here."""
BY_RUNTIME: Final = ("runtimeConfig", "prevResult", "cni.dev/attachments", "cni.dev/valid-attachments")
SINCE: Final = {"disableCheck": "0.4.0", "disableGC": "1.1.0"}
OF_ALL: Final = "name"
"""What is wrong with this is told once, of the whole file."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a plugin's configuration, and what it means as far as it is right; None where nothing is."""

    plugin: Plugin
    findings: tuple[Finding, ...]
    meaning: Understood | None

    @property
    def valid(self) -> Understood | None:
        """What it means if an ADD would take it as it is."""
        return None if any(each.severity == ERROR for each in self.findings) else self.meaning


def judge(plugin: Plugin, *, is_main: bool) -> Verdict:
    """Judge the plugin, ``is_main`` if it is ours; of another's that does not have our addresses nothing is said."""
    refusals, meaning = _mended(plugin, is_main=is_main)
    if not is_main and plugin.ipam_type != POOL:
        return Verdict(plugin, (), None if refusals else meaning)
    doubts = (*_unknown(plugin, is_main=is_main), *_mismatches(plugin, is_main=is_main))
    return Verdict(plugin, (*refusals, *doubts), meaning)


def _mended(plugin: Plugin, *, is_main: bool) -> tuple[list[Finding], Understood | None]:
    """All that an ADD would refuse, one after the other, and what is left without that."""
    refusals: list[Finding] = []
    values: dict[str, Any] = {}
    left = plugin.values
    while left != values:
        values = left
        try:
            return refusals, understood(replace(plugin, values=values), is_main=is_main)
        except CniError as error:
            found = [error, *error.others]
            refusals += [refused(plugin, each) for each in found if each.key != OF_ALL]
            left = _without(values, [each.key for each in found])
    return refusals, None


def _without(values: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The values without what was found wrong, so that what is behind it is found as well.

    Addresses are left out as a whole: half of them would be wrong for another reason, and so would an IPAM plugin be
    without any ``ipam``.
    """
    values = decode_object(json.dumps(values).encode())
    for key in keys:
        first, *rest = parsed(key) or ("",)
        name = next((each for each in values if each.lower() == str(first).lower()), "")
        if first in ("name", "cniVersion"):
            values[str(first)] = {"name": "lint", "cniVersion": versions.LATEST}[str(first)]
        elif rest and rest[0] in ("routes", "dns", "resolvConf", "dataDir") and isinstance(values.get(name), dict):
            values[name].pop(rest[0], None)
        elif str(first).lower() == "ipam" and name:
            values[name] = {}
        else:
            values.pop(name, None)
    return values


def _unknown(plugin: Plugin, *, is_main: bool) -> Iterator[Finding]:
    """Keys that nobody reads, each at every place where it stands."""
    unknown: UnknownKeys = []
    if is_main:
        with suppress(InvalidNetworkConfig):  # which is a refusal
            models.validate(models.NetworkModel, plugin.values, "", unknown)
    if plugin.ipam_type in BUILT_IN:
        model = models.StaticModel if plugin.ipam_type == STATIC else models.PoolModel
        with suppress(InvalidNetworkConfig):  # as above
            models.validate(model, plugin.ipam, "ipam.", unknown)
    for where, key, known in {(where, key): (where, key, known) for where, key, known in unknown}.values():
        message = f'"{key}" is not known and ignored; {did_you_mean(key, known)}'
        for path in _places(plugin, where, key):
            yield doubtful(plugin, spelled(path), message)


def _places(plugin: Plugin, where: str, key: str) -> list[Path]:
    """The places in the plugin's object where the key stands in an object of the kind ``where``."""
    start = len(plugin.path)
    inside = [
        path[start:] for path in plugin.network.positions.lines if path[:start] == plugin.path and path[-1:] == (key,)
    ]
    return [path for path in inside if _kind(path[:-1]) == where.lower()] or [(*parsed(where), key)]


def _kind(path: Path) -> str:
    return "".join("[]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".").lower()


def _mismatches(plugin: Plugin, *, is_main: bool) -> Iterator[Finding]:
    """Keys that do nothing: of another version, for nobody, or overwritten."""
    yield from _about_version(plugin)
    known, _ = fold_keys(plugin.values, [*BY_RUNTIME, "capabilities"])
    for key in BY_RUNTIME:
        if key in known:
            yield doubtful(plugin, key, f'"{key}" is filled in by the runtime; remove it')
    capabilities = known.get("capabilities")
    if is_main and isinstance(capabilities, dict):
        for name in capabilities:
            if name not in SERVED:
                text = f'capability "{name}" is not served; those served are {", ".join(SERVED)}'
                yield doubtful(plugin, "capabilities", text)


def _about_version(plugin: Plugin) -> Iterator[Finding]:
    network, key = plugin.network, "cniVersion"
    stated = fold_keys(plugin.values, [key])[0].get(key)
    if stated is None:
        text = f'there is no "{key}", and {versions.UNSTATED} has neither CHECK nor GC; state one'
        yield doubtful(plugin, key, text)
    own = network.values["plugins"][plugin.path[1]].get(key) if plugin.path else None
    if own not in (None, stated):
        text = f'the list\'s "{key}" {stated!r} takes the place of {own!r}; remove one of them'
        yield doubtful(plugin, "type", text)
    for later, first in SINCE.items():
        if later in network.values and stated in versions.SUPPORTED and not versions.at_least(stated, first):
            text = f'"{later}" means something from "{key}" {first} on, this is {stated}; raise that, or remove the key'
            yield doubtful(plugin, later, text)
