"""NetworkAttachmentDefinitions: network configurations as text in the YAML documents of a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from conf.errors import CniError, DecodingFailure
from console.configs.networks import Unreadable, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.configs.networks import Network

KIND = "NetworkAttachmentDefinition"


def read_manifests(file: str, text: str) -> Iterator[Network | Unreadable]:
    """The networks of all documents; other kinds than ``KIND`` are passed over."""
    try:
        documents = list(yaml.compose_all(text, yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        failure = DecodingFailure(f"neither JSON nor YAML: {getattr(error, 'problem', error)}; mend the text", "")
        yield Unreadable(file, failure, mark.line + 1 if mark else 0)
        return
    for document in documents:
        for resource in _resources(document):
            if _text(_child(resource, "kind")) == KIND:
                yield _network(file, resource)


def _resources(document: Node | None) -> list[Node]:
    """A document's resource, or those of its ``List``."""
    items = _child(document, "items")
    if isinstance(items, SequenceNode):
        return list(items.value)
    return [document] if document else []


def _network(file: str, resource: Node) -> Network | Unreadable:
    name = _text(_child(_child(resource, "metadata"), "name"))
    config = _child(_child(resource, "spec"), "config")
    if not isinstance(config, ScalarNode) or not config.value.strip():
        text = (
            f'{KIND} "{name}" has no "spec.config", and a node\'s file with a network of this name takes its place; '
            "write the network configuration there, as JSON text, unless that is meant"
        )
        return Unreadable(file, DecodingFailure(text, ""), resource.start_mark.line + 1, is_elsewhere=True)
    first = config.start_mark.line + 1
    try:
        network = read_json(file, config.value, name)
    except CniError as error:
        return Unreadable(file, error, first)
    # A literal block keeps its lines, and begins below its mark.
    found = network.positions
    lines = {path: first + line if config.style == "|" else first for path, line in found.lines.items()}
    return replace(network, positions=replace(found, lines=lines))


def _child(node: Node | None, key: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for name, value in node.value if _text(name) == key), None)


def _text(node: Node | None) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else ""
