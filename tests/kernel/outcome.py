"""What a configuration comes to on a LAN of its own: answers, kernel and leases of ADD, CHECK and DEL, comparable."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
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
REPLIES = ("STATUS", "ADD", "CHECK", "DEL")


def written(found: dict[str, Any]) -> str:
    """An outcome as JSON, to be kept."""
    return json.dumps(found, default=asdict)


def read(text: str) -> dict[str, Any]:
    """A kept outcome."""
    found: dict[str, Any] = json.loads(text)
    return found | {verb: Reply(**found[verb]) for verb in REPLIES if verb in found}


def outcome(case: Case, plugins: dict[str, Path], directory: Path) -> dict[str, Any]:
    """Attach and detach by the case; field name to what was found."""
    with Lan() as lan:
        found = Trial(case, lan, Runtime(lan, plugins, directory)).run()
    assert lan.leaks == []
    return found


class Trial:
    """One life of a container by a case: STATUS, ADD, CHECK, GC and DEL, with a look at what each left."""

    def __init__(self, case: Case, lan: Lan, runtime: Runtime) -> None:
        self.case = case
        self.lan = lan
        self.runtime = runtime
        self.config = configured(runtime, case.ipam, case.keys)
        self.how = {"ifname": case.ifname, "args": case.args}
        # Each release of the reference has a version below the latest.
        others = self.config | ({"cniVersion": "1.0.0"} if case.every_verb else {})
        for _ in range(case.others):
            runtime.add(others, lan.container(), args=case.args).expect()
        self.held = set(runtime.held())
        self.container = lan.container(dad=case.dad)
        if case.dad:
            self.container.sysctl("net/ipv6/conf/default/dad_transmits", 2)
        lan.node.batch(*case.node)
        self.container.batch(*case.container)

    def run(self) -> dict[str, Any]:
        """Call the verbs in their order."""
        case, runtime = self.case, self.runtime
        found: dict[str, Any] = {}
        if case.every_verb:
            found["STATUS"] = self._reply(runtime.status(self.config))
        found |= self._add()
        if case.every_verb:
            runtime.gc(self.config)
            found["left by GC"] = self._left()
        last = configured(runtime, case.ipam, case.keys | case.delete)
        found["DEL"] = self._reply(runtime.delete(last, self.container, netns=case.netns_at_delete, **self.how))
        found["left by DEL"] = self._left()
        return found

    def _add(self) -> dict[str, Any]:
        """ADD, and CHECK if that succeeded."""
        links = self.container.links()
        added = self.runtime.add(self.config, self.container, **self.how)
        found: dict[str, Any] = {"ADD": self._reply(added)}
        if not added.ok:
            made, held = self._left()
            return found | {"left by ADD": [sorted(set(made) - set(links)), held]}
        found["result"] = comparable(self.lan, self.container.name, added.document)
        found |= kernel_state.snapshot(self.container, self.case.ifname, random_mac="02:00:00" not in added.stdout)
        found["sysctls"] = {key.replace(f"/{self.case.ifname}/", "/IF/"): v for key, v in found["sysctls"].items()}
        found["leases"] = self.runtime.held()
        return found | {"CHECK": self._check(added)}

    def _check(self, added: Answer) -> Reply:
        case = self.case
        self.lan.node.batch(*case.node_changed)
        self.container.batch(*case.changed)
        seen = {} if case.seen is None else {"prevResult": added.document | case.seen}
        config = {key: value for key, value in self.config.items() if key != "prevResult"}
        return self._reply(self.runtime.attach("CHECK", config | seen, self.container, **self.how))

    def _left(self) -> list[list[str]]:
        """The links of the container, and the leases that are not others'."""
        return [sorted(self.container.links()), sorted(set(self.runtime.held()) - self.held)]

    def _reply(self, answer: Answer) -> Reply:
        msg = answer.msg.replace(self.container.name, "container").replace(str(self.runtime.directory), "")
        return Reply(answer.code, msg.replace(self.lan.network, "network"))


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

    The releases of the reference differ in capitals.
    Where the reference says no more than 999, any code of ours is the same.
    """
    if isinstance(ours, Reply) and isinstance(reference, Reply) and ours.code and reference.code:
        return reference.code in {ours.code, GENERAL} and ours.msg.lower().startswith(reference.msg.lower())
    return bool(ours == reference)
