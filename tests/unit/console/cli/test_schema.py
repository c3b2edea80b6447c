"""``schema`` allows what the plugin takes without a word, and refuses what it would refuse or ignore."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from console.cli.schema import DIALECT, schema
from tests.cli.command import call
from tests.runtime import REPOSITORY, Json

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
SILENT = {"$schema", "$defs", "title", "description", "default"}
GOOD: Json = {
    "cniVersion": "1.1.0",
    "name": "lan",
    "type": "macvlan",
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.9.0.0/24", "gateway": False}]]},
}
WHOLE = schema()


def allows(rule: Json | bool, value: Any) -> bool:  # noqa: ANN401, FBT001 - any JSON, and a schema may be a boolean
    """Evaluate the part of JSON Schema that we use; an unknown keyword is a mistake of the schema."""
    if isinstance(rule, bool):
        return rule
    return all(holds(rule, keyword, value) for keyword in rule.keys() - SILENT)


def holds(rule: Json, keyword: str, value: Any) -> bool:  # noqa: ANN401, C901, PLR0911, PLR0912 - a table of keywords
    said = rule[keyword]
    match keyword:
        case "$ref":
            return allows(WHOLE["$defs"][said.rpartition("/")[2]], value)
        case "type":
            whole = isinstance(value, int) and not isinstance(value, bool)
            return whole if said == "integer" else isinstance(value, TYPES[said])
        case "enum":
            return value in said
        case "const":
            return bool(value == said) and type(value) is type(said)
        case "anyOf":
            return any(allows(each, value) for each in said)
        case "allOf":
            return all(allows(each, value) for each in said)
        case "minimum":
            return not isinstance(value, int) or value >= said
        case "maximum":
            return not isinstance(value, int) or value <= said
        case "if":
            chosen = "then" if allows(said, value) else "else"
            return allows(rule.get(chosen, True), value)
        case "then" | "else":
            return True
        case "items":
            return not isinstance(value, list) or all(allows(said, each) for each in value)
        case "minItems":
            return not isinstance(value, list) or len(value) >= said
        case "maxItems":
            return not isinstance(value, list) or len(value) <= said
        case "required":
            return not isinstance(value, dict) or set(said) <= value.keys()
        case "properties":
            return all(allows(part, value[key]) for key, part in said.items() if key in value)
        case "additionalProperties":
            return allows(said, {}) or value.keys() <= rule["properties"].keys()
    pytest.fail(f"{keyword} is not understood here")


def test_the_command_prints_it() -> None:
    done = call("schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == WHOLE
    assert WHOLE["$schema"] == DIALECT


@pytest.mark.parametrize(
    "config",
    [
        GOOD,
        GOOD | {"mtu": 68},
        GOOD | {"mtu": 0},
        GOOD | {"ipam": {"type": "dhcp", "anything": 1}},
        GOOD | {"ipam": {"type": "static", "addresses": [{"address": "10.9.0.5/24"}]}},
        {"name": "lan", "plugins": [{"type": "tuning", "anything": 1}, {"type": "cni-macvlan-py", "mode": "vepa"}]},
        {"name": "lan", "type": "bridge", "anything": 1},
    ],
)
def test_what_is_allowed(config: Json) -> None:
    assert allows(WHOLE, config)


@pytest.mark.parametrize(
    "config",
    [
        GOOD | {"mod": "vepa"},
        GOOD | {"mode": "bridged"},
        GOOD | {"mtu": "1500"},
        GOOD | {"mtu": -1},
        GOOD | {"mtu": 67},
        GOOD | {"cniVersion": "2.0.0"},
        GOOD | {"bcqueuelen": -1},
        GOOD | {"ipam": {"type": "host-local", "addresses": []}},
        GOOD | {"ipam": {"type": "static", "subnet": "10.9.0.0/24"}},
        GOOD | {"ipam": {"type": "host-local", "ranges": [[{"rangeStart": "10.9.0.1"}]]}},
        GOOD | {"ipam": {"type": "host-local", "ranges": [[{"subnet": 10}]]}},
        {"name": "lan", "plugins": []},
        {"name": "lan", "plugins": [{"type": "macvlan", "mod": "vepa"}]},
        {"name": "lan"},
    ],
)
def test_what_is_not_allowed(config: Json) -> None:
    assert not allows(WHOLE, config)


def test_every_configuration_of_the_documentation_is_allowed() -> None:
    shown = re.findall(
        r"^```json\n(.*?)^```", (REPOSITORY / "docs/configuration.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert shown
    assert [block for block in shown if not allows(WHOLE, json.loads(block))] == []


def test_every_key_is_described() -> None:
    for name, definition in WHOLE["$defs"].items():
        for key, value in definition["properties"].items():
            assert value.get("description"), f"{name}.{key}"
