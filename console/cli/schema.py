"""``schema``: the JSON Schema of network configurations, by which an editor completes, explains and checks them."""

from __future__ import annotations

from typing import Any, Final

import click

from conf import models
from conf.ipam_config import HOST_LOCAL, POOL, STATIC
from conf.link_config import LEAST_MTU, MODES, MOST_MTU
from conf.versions import SUPPORTED
from console.cli.output import document

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
OURS: Final = {"enum": [POOL, "macvlan"]}
VERSION: Final = {"enum": list(SUPPORTED)}
ROLES: Final = ((models.PoolModel, [POOL, HOST_LOCAL]), (models.StaticModel, [STATIC]))

Json = dict[str, Any]


@click.command()
def command() -> int:
    """Print the JSON Schema (2020-12) of .conf and .conflist files.

    Keys of other plugins in a list, and of other IPAM plugins, are not judged. Keys are listed as they are written
    here, though the plugin reads them without regard to case.
    """
    document(schema())
    return 0


def schema() -> Json:
    """The schema of a file: one plugin's configuration, or a list of them."""
    definitions: Json = {}
    for model in (models.NetworkModel, *(model for model, _ in ROLES)):
        definitions |= _definitions(model)
    ipam = [_if_type(types, _reference(model)) for model, types in ROLES]
    properties = definitions["NetworkModel"]["properties"]
    properties["ipam"] |= {"properties": {"type": {"type": "string"}}, "allOf": ipam}
    properties["mode"]["enum"] = list(MODES)
    properties["mtu"]["anyOf"] = [{"const": 0}, {"minimum": LEAST_MTU, "maximum": MOST_MTU}]
    properties["cniVersion"] |= VERSION
    return {
        "$schema": DIALECT,
        "title": "CNI network configuration for cni-macvlan-py",
        "type": "object",
        "required": ["name"],
        "if": {"required": ["plugins"]},
        "then": _list(),
        "else": {"required": ["type"], **_if_type(OURS["enum"], _reference(models.NetworkModel))},
        "$defs": definitions,
    }


def _list() -> Json:
    """A .conflist: what its plugins share, and the plugins."""
    of_ours = _if_type(OURS["enum"], _reference(models.NetworkModel))
    plugin = {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}, **of_ours}
    return {
        "properties": {
            "cniVersion": {"description": "version of the CNI specification", **VERSION},
            "cniVersions": {"description": "versions to choose from", "type": "array", "items": VERSION},
            "name": {"description": "network name", "type": "string"},
            "disableCheck": {"description": "the runtime sends no CHECK", "type": "boolean"},
            "disableGC": {"description": "the runtime sends no GC", "type": "boolean"},
            "loadOnlyInlinedPlugins": {"description": "no plugins from other files", "type": "boolean"},
            "plugins": {"description": "called in this order", "type": "array", "minItems": 1, "items": plugin},
        },
    }


def _if_type(types: list[str], then: Json) -> Json:
    """What holds for an object whose ``type`` is one of these."""
    return {"if": {"required": ["type"], "properties": {"type": {"enum": types}}}, "then": then}


def _reference(model: type[models.Keys]) -> Json:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _definitions(model: type[models.Keys]) -> Json:
    """A model and all that it holds, each by its name; keys that would be ignored are not allowed."""
    made = model.model_json_schema(by_alias=True)
    definitions: Json = made.pop("$defs", {})
    definitions[model.__name__] = made
    for name, definition in definitions.items():
        if not getattr(models, name).free_form:
            definition["additionalProperties"] = False
        definition.pop("title")
        for value in definition["properties"].values():
            value.pop("title", None)
    return definitions
