"""JSON keys as Go reads them: without regard to case, null as absent, unknown ones accepted and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# (object, key, keys that the object knows)
UnknownKeys = list[tuple[str, str, list[str]]]
LONGEST_WORD = 64


def fold_keys(values: Mapping[str, Any], known: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Known keys in their canonical spelling, and the unknown ones.

    As with Go's encoding/json the exact spelling wins over another case, and a null leaves the key unset.
    """
    canonical = {key.lower(): key for key in known}
    folded: dict[str, Any] = {}
    unknown = []
    for key, value in values.items():
        name = canonical.get(key.lower())
        if name is None:
            unknown.append(key)
        elif value is not None and (key == name or name not in values):
            folded[name] = value
    return folded, unknown


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A hint for a word that is not known: the nearest known one, or the list of all."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed once something is wrong

    # Comparing takes the product of the lengths.
    near = get_close_matches(word.lower(), [k.lower() for k in known], 1) if len(word) <= LONGEST_WORD else []
    for candidate in known:
        if near and candidate.lower() == near[0]:
            return f'did you mean "{candidate}"?'
    return f"known are {', '.join(sorted(known))}"
