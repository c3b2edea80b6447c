"""What a configuration comes to on a LAN of its own: answers, kernel and leases of ADD, CHECK and DEL, comparable."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests import kernel_state
from tests.kernel.configurations import Case
from tests.lan import Lan
from tests.runtime import Answer, Runtime

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Reply:
    """Code (0: success) and text of an answer, in words that do not depend on the run."""

    code: int
    msg: str


GENERAL = 999  # the reference's code for whatever the specification has no number for


def outcome(case: Case, plugins: dict[str, Path], directory: Path) -> dict[str, Any]:
    """Attach and detach by the case; field name to what was found."""
    with Lan() as lan:
        runtime = Runtime(lan, plugins, directory)
        config = configured(runtime, case.ipam, case.keys)
        for _ in range(case.others):
            runtime.add(config, lan.container(), args=case.args).expect()
        held = runtime.held()
        where = lan.container()
        lan.node.batch(*case.node)
        where.batch(*case.container)
        links = where.links()
        how = {"ifname": case.ifname, "args": case.args}

        def reply(answer: Answer) -> Reply:
            msg = answer.msg.replace(where.name, "container").replace(str(runtime.directory), "")
            return Reply(answer.code, msg.replace(lan.network, "network"))

        added = runtime.add(config, where, **how)
        found: dict[str, Any] = {"ADD": reply(added)}
        if added.ok:
            fixed = "02:00:00" in added.stdout
            found |= {"result": comparable(lan, where.name, added.document)}
            found |= kernel_state.snapshot(where, case.ifname, random_mac=not fixed)
            found["sysctls"] = {key.replace(f"/{case.ifname}/", "/IF/"): v for key, v in found["sysctls"].items()}
            found["leases"] = runtime.held()
            config.pop("prevResult", None)
            found["CHECK"] = reply(runtime.check(config, where, **how))
        else:
            found["left by ADD"] = (sorted(set(where.links()) - set(links)), sorted(set(runtime.held()) - set(held)))
        found["DEL"] = reply(runtime.delete(configured(runtime, case.ipam, case.keys | case.delete), where, **how))
        found["left by DEL"] = (sorted(where.links()), sorted(set(runtime.held()) - set(held)))
    assert lan.leaks == []
    return found


def configured(runtime: Runtime, ipam: dict[str, Any] | None, keys: dict[str, Any]) -> dict[str, Any]:
    """The network configuration; NotImplemented stands for a JSON null."""
    config = runtime.config(**{"ipam": ipam} | keys)
    if "host-local" in (config.get("ipam") or {}).values():
        config["ipam"] = {**config["ipam"], "dataDir": str(runtime.data_dir)}
    return {key: None if value is NotImplemented else value for key, value in config.items()}


def comparable(lan: Lan, container: str, document: Any) -> Any:  # noqa: ANN401 - any JSON
    """The document with names and MAC addresses that only this run has taken out."""
    text = json.dumps(document, sort_keys=True).replace(container, "container").replace(lan.network, "network")
    return json.loads(text if "02:00:00" in text else kernel_state.without_random_mac(text))


def differing(ours: dict[str, Any], reference: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields that are not the same, with both values; objects are compared key by key (``link.mtu``).

    Fields that only one side has (one ADD failed, the other did not) say nothing beyond that.
    """
    both = ours.keys() & reference.keys()
    mine, theirs = (flat({key: side[key] for key in both}) for side in (ours, reference))
    return {
        key: (mine.get(key), theirs.get(key))
        for key in sorted(mine.keys() | theirs.keys())
        if not same(mine.get(key), theirs.get(key))
    }


def flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in fields.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: value}
    return found


def same(ours: Any, reference: Any) -> bool:  # noqa: ANN401 - a field of any kind
    """Equal values; for replies: both succeed, or both fail with one code and the reference's words come first.

    Where the reference says no more than 999, any code of ours is the same.
    """
    if isinstance(ours, Reply) and isinstance(reference, Reply) and ours.code and reference.code:
        return reference.code in {ours.code, GENERAL} and ours.msg.startswith(reference.msg)
    return bool(ours == reference)
