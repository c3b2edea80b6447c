"""CNI_ARGS → key and value, by the rules of CNI's Go library: unknown keys are refused unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import InvalidEnvironment

if TYPE_CHECKING:
    from collections.abc import Collection

BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


def split_arguments(text: str) -> dict[str, str]:
    """``K=V;K=V`` as a dictionary; raises InvalidEnvironment for a pair without exactly one ``=``."""
    arguments = {}
    for pair in filter(None, text.split(";")) if text else ():
        key, separator, value = pair.partition("=")
        if not separator or "=" in value:
            raise InvalidEnvironment(
                f'ARGS: invalid pair "{pair}"', f"CNI_ARGS is a list of KEY=VALUE joined by ';', got {text!r}"
            )
        arguments[key] = value
    return arguments


def require_known(arguments: dict[str, str], known: Collection[str]) -> None:
    """Raise InvalidEnvironment for keys that are not known, unless ``IgnoreUnknown`` is set."""
    ignore = arguments.get("IgnoreUnknown", "0")
    if ignore.lower() not in BOOLEANS:
        raise InvalidEnvironment(
            f'ARGS: error parsing value of pair "IgnoreUnknown={ignore}": '
            f"boolean unmarshal error: invalid input {ignore}",
            "in CNI_ARGS, IgnoreUnknown is 1, true, 0 or false",
        )
    if BOOLEANS[ignore.lower()]:
        return
    unknown = [f'"{key}={value}"' for key, value in arguments.items() if key != "IgnoreUnknown" and key not in known]
    if unknown:
        raise InvalidEnvironment(
            f"ARGS: unknown args [{' '.join(unknown)}]",
            f"in CNI_ARGS only {', '.join(sorted(known))} are known here; add IgnoreUnknown=1 to have others ignored",
        )
