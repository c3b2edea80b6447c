"""stdin → the JSON object with its cniVersion and name: all that is needed to refuse malformed input early."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from conf import versions
from conf.environment import IDENTIFIER
from conf.errors import DecodingFailure, InvalidNetworkConfig
from conf.keys import fold_keys

if TYPE_CHECKING:
    from collections.abc import Callable

Judged = TypeVar("Judged")
REMEMBERED: Final = 1 << 14  # bytes of a document
DEEPEST: Final = 128  # levels of a document
MOST_PARTS: Final = 1 << 18
"""Brackets, colons and commas of a document: Python takes up to a hundred bytes for each object, and for each key."""


@dataclass(frozen=True)
class Document:
    """A network configuration of which only the head is validated yet; ``stdin`` is what a delegate gets."""

    stdin: bytes
    values: dict[str, Any] = field(compare=False)
    version: str
    network: str


def remembering(judge: Callable[[Document], Judged]) -> Callable[[Document], Judged]:
    """Have what is made of the last documents kept: an agent is sent the same one for every container of a network.

    Those that no network needs are not: of some, what is made takes a hundred times as much memory.
    """
    remembered = lru_cache(maxsize=16)(judge)

    @wraps(judge)
    def judge_or_remember(document: Document) -> Judged:
        return remembered(document) if len(document.stdin) <= REMEMBERED else judge(document)

    return judge_or_remember


def decode_json(data: bytes) -> Any:  # noqa: ANN401 - whatever the JSON holds
    """Decode UTF-8 with one JSON value in it, which can be encoded again; raises ValueError."""
    text = data.decode()
    if len(text) > MOST_PARTS and sum(map(text.count, "[{:,")) > MOST_PARTS:
        msg = f"it has more than {MOST_PARTS} brackets, colons and commas"
        raise ValueError(msg)
    try:
        values = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise _TooDeep from error
    if text.count("[") + text.count("{") > DEEPEST:  # of fewer there can be no deep nest
        _require_shallow(values)
    return _without_unusable(values) if "\\u" in text else values


def decode_object(stdin: bytes) -> dict[str, Any]:
    """Decode one JSON object; raises DecodingFailure (code 6)."""
    try:
        values = decode_json(stdin)
    except ValueError as error:
        raise DecodingFailure(
            f"error unmarshall network config: {error}", "stdin has to be one JSON object in UTF-8"
        ) from error
    if not isinstance(values, dict):
        raise DecodingFailure(
            f"error unmarshall network config: a JSON object is needed, got {type(values).__name__}",
            "stdin has to be one JSON object in UTF-8",
        )
    return values


def stated_version(values: dict[str, Any]) -> str:
    """The configuration's cniVersion, 0.1.0 where it has none; raises DecodingFailure for a non-string."""
    version = _text(values, "cniVersion", "1.0.0", "decoding version from network config")
    return version or versions.UNSTATED


def read_document(stdin: bytes, verb: str) -> Document:
    """Decode stdin for a verb and check version and name.

    Raises DecodingFailure, InvalidNetworkConfig or IncompatibleVersion.
    """
    values = decode_object(stdin)
    version = stated_version(values)
    name = _text(values, "name", "lan", "error unmarshall network config")
    if not name:
        raise InvalidNetworkConfig("missing network name", 'set "name" in the network configuration', "name")
    if not IDENTIFIER.fullmatch(name):
        raise InvalidNetworkConfig(
            "invalid characters found in network name",
            f"{name}: \"name\" begins with a letter or digit and goes on with those, '_', '.' and '-'",
            "name",
        )
    versions.require_verb(version, verb)
    return Document(stdin, values, version, name)


def _text(values: dict[str, Any], key: str, example: str, doing: str) -> str:
    """What a key says, "" where there is none; raises DecodingFailure for a non-string."""
    value = fold_keys(values, [key])[0].get(key, "")
    if not isinstance(value, str):
        raise DecodingFailure(
            f'{doing}: "{key}" is {value!r}, which is not a string', f'write for example "{key}": "{example}"', key
        )
    return value


def _without_unusable(value: Any) -> Any:  # noqa: ANN401 - whatever the JSON holds
    """Put U+FFFD for what no name and no database takes: lone surrogates, as Go does, and NUL."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_unusable(each) for each in value]
    if isinstance(value, dict):
        return {_without_unusable(key): _without_unusable(each) for key, each in value.items()}
    return value


class _TooDeep(ValueError):
    def __init__(self) -> None:
        super().__init__(f"it is nested deeper than {DEEPEST} levels")


def _require_shallow(value: object) -> None:
    """Raise ValueError for a deeper nest than anybody needs, of which later steps would fill Python's stack."""
    level = [value]
    for _ in range(DEEPEST + 1):
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        if not inner:
            return
        level = [each for values in inner for each in values]
    raise _TooDeep


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        msg = f"{text} is too large a number"
        raise ValueError(msg)
    return number


def _refuse_constant(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)
