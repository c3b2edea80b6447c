# ruff: noqa: INP001 - a script beside the pages that it writes
"""Write the tables that follow from the code into docs/: ``.venv/bin/python docs/generate.py``.

A table stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; the text around it is written by people.
"""

from __future__ import annotations

import json
import re
import sys
import types
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

TREE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE))

from netaddr import IPAddress, IPNetwork  # noqa: E402 - after the tree is on the path
from pydantic_core import PydanticUndefined  # noqa: E402

from agent.meter import REFUSALS  # noqa: E402
from agent.metrics import Metrics  # noqa: E402
from conf import errors, models, versions  # noqa: E402
from conf.endpoint import Endpoint  # noqa: E402
from conf.ipam_config import IpamConfig  # noqa: E402
from conf.settings import Settings  # noqa: E402
from ipam.store.usage import Pool, Usage  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

PAGES = ("docs/configuration.md", "docs/errors.md", "docs/metrics.md")

# What the models leave to later stages.
DEFAULTS = {
    "cniVersion": f'`"{versions.UNSTATED}"`',
    "name": "required",
    "type": "required",
    "promisc": "`true`",
    "ipam.dataDir": f'`"{IpamConfig.data_dir}"`',
}
TYPES = {
    IPAddress: "address",
    IPNetwork: "network",
    str: "string",
    bool: "boolean",
    int: "number",
    dict: "object",
    Any: "any",
}
SETTINGS = {
    "state_dir": "directory of the lease database, made when it is first needed; absolute, on a local disk",
    "log_file": "file that log lines are added to; its directory has to exist; empty: stderr",
    "log_level": "`debug`, `info`, `warning` or `error`",
    "log_format": "`text`; `json`: each line an object; `journal`: to journald, with "
    "[fields](agent.md#its-log) of the same names",
    "metrics": "where the agent can be asked for its [numbers](metrics.md): `unix:/PATH`, or an address and a port "
    "as in `127.0.0.1:9753`; empty: nowhere",
    "agent": "`external`: a service manager runs the agent, if there is to be one; `auto`: a call that finds none "
    "starts one for those that follow",
    "record_dir": "directory in which the newest hundred calls are kept, each with environment, stdin and answer, for "
    "`cni-macvlan-py trace`; empty: none",
    "status_exhausted": "what STATUS makes of a range in which every address is held: `warning`: success, and a line "
    "in the log when it begins; `error`: [code 50](errors.md#50-unavailable), which takes a node out of Kubernetes",
    "release_before_link": "types of other IPAM plugins that need the interface to take an address back: their DEL is "
    "run before it is removed, that of all others after",
    "delegate_timeout": "seconds that other IPAM plugins, which are executed, may take in one call; then they are "
    "killed; keep it below the agent's `--limit`",
}

Row = tuple[str, str, str, str]


def main() -> None:
    """Rewrite the pages."""
    for page in PAGES:
        (TREE / page).write_text(regenerated(page))


def regenerated(page: str) -> str:
    """The page as it should be."""
    text = (TREE / page).read_text()
    return re.sub(
        r"(<!-- generated: ([\w ]+) -->\n).*?(<!-- end -->)",
        lambda match: match[1] + "\n".join(TABLES[match[2]]()) + "\n" + match[3],
        text,
        flags=re.DOTALL,
    )


def keys(model: type[models.Keys], prefix: str = "") -> Iterator[Row]:
    """The keys of one object as (path, type, default, meaning)."""
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        default = DEFAULTS.get(path) or ("required" if field.is_required() else _default(field.default))
        yield f"`{path}`", _type(field.annotation), default, str(field.description)


def every_key() -> Iterator[Row]:
    """All keys of a network configuration, each once."""
    yield from keys(models.NetworkModel)
    yield from keys(models.PoolModel, "ipam.")
    yield from keys(models.RangeModel, "ipam.ranges[][].")
    yield from static_keys()
    yield from keys(models.RouteModel, "ipam.routes[].")
    yield from keys(models.DnsModel, "dns.")
    yield from keys(models.RuntimeConfigModel, "runtimeConfig.")
    yield from keys(models.ArgsModel, "args.")
    yield from keys(models.CniArgsModel, "args.cni.")


def static_keys() -> Iterator[Row]:
    """What the static role has and the pool does not."""
    pool = {row[0] for row in keys(models.PoolModel, "ipam.")}
    yield from (row for row in keys(models.StaticModel, "ipam.") if row[0] not in pool)
    yield from keys(models.StaticAddressModel, "ipam.addresses[].")


def error_tree() -> list[tuple[str, str, str]]:
    """Codes, names and meanings, from the tree in the docstring of conf/errors.py; "*" for a code that varies."""
    found = re.findall(r"[├└]── (\w+) +(\d+|\*)  (.+)", errors.__doc__ or "")
    return [(code, name, meaning) for name, code, meaning in found]


def _error_codes() -> Iterator[str]:
    def rows() -> Iterator[tuple[str, ...]]:
        for code, name, meaning in error_tree():
            shown, anchor = ("other", name) if code == "*" else (code, f"{code}-{name}")
            yield f"[{shown}](#{anchor.lower()})", meaning

    return _table("code|meaning", rows())


def _table(head: str, rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    columns = head.split("|")
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _long(rows: Iterator[Row]) -> Iterator[str]:
    return _table("key|type|default|meaning", rows)


def _settings() -> Iterator[str]:
    rows = ((f"`{field.name}`", f"`{json.dumps(field.default)}`", SETTINGS[field.name]) for field in fields(Settings))
    return _table("key|default|meaning", rows)


def metrics() -> list[Metric]:
    """Every metric of an agent that has served, refused and found something, so that each has its labels."""
    usage = Usage([Pool("lan", "", "10.1.0.2-10.1.0.9", 8, 1, 0)], [("lan", 1)])
    told = Metrics(Endpoint(path="/run/metrics.sock"), lambda: usage)
    told.ended("ADD", 0, 0.1)
    told.refused("slow")
    return list(told.registry.collect())


def _metrics() -> Iterator[str]:
    def rows() -> Iterator[tuple[str, ...]]:
        for metric in metrics():
            suffix = {"counter": "_total", "info": "_info"}.get(metric.type, "")
            labels = dict.fromkeys(name for sample in metric.samples for name in sample.labels if name != "le")
            yield (
                f"`{metric.name}{suffix}`",
                metric.type,
                ", ".join(f"`{name}`" for name in labels),
                metric.documentation,
            )

    return _table("metric|type|labels|meaning", rows())


def _default(value: object) -> str:
    """A default as JSON; the empty ones say nothing."""
    if isinstance(value, models.Keys) or value in (None, "", [], {}, PydanticUndefined):
        return ""
    return f"`{json.dumps(value)}`"


def _type(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    origin = get_origin(annotation)
    if origin is list:
        return f"list of {_type(get_args(annotation)[0])}"
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return " or ".join(_type(part) for part in parts)
    if origin is Literal:
        return " or ".join(f'`"{each}"`' for each in get_args(annotation))
    if hasattr(annotation, "__metadata__"):
        return _type(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, models.Keys):
        return "object"
    return TYPES[origin or annotation]


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "network keys": lambda: _long(keys(models.NetworkModel)),
    "pool keys": lambda: _long(keys(models.PoolModel, "ipam.")),
    "range keys": lambda: _long(keys(models.RangeModel, "ipam.ranges[][].")),
    "static keys": lambda: _long(static_keys()),
    "route keys": lambda: _long(keys(models.RouteModel, "ipam.routes[].")),
    "dns keys": lambda: _long(keys(models.DnsModel, "dns.")),
    "runtime keys": lambda: _long(
        row
        for rows in (
            keys(models.RuntimeConfigModel, "runtimeConfig."),
            keys(models.CniArgsModel, "args.cni."),
        )
        for row in rows
    ),
    "settings": _settings,
    "metrics": _metrics,
    "refusals": lambda: _table("reason|meaning", ((f"`{reason}`", text) for reason, text in REFUSALS.items())),
    "error codes": _error_codes,
}

if __name__ == "__main__":
    main()
