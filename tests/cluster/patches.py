"""The two kinds of patches that `kubectl apply` sends: JSON merge patches, and Kubernetes' strategic ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.runtime import Json

JSON_MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
# Lists whose elements have a name by which a strategic patch means one of them; other lists are replaced.
MERGED_BY = {
    "containers": "name", "initContainers": "name", "volumes": "name", "env": "name", "volumeMounts": "mountPath",
}  # fmt: skip
DIRECTIVE = "$"


def merged(whole: Any, patch: Any, *, strategic: bool) -> Any:  # noqa: ANN401 - any JSON
    """What becomes of a value by a patch (RFC 7386); a strategic one may name elements of lists."""
    if not isinstance(patch, dict):
        return patch
    result: Json = dict(whole) if isinstance(whole, dict) else {}
    for key, value in patch.items():
        if key.startswith(DIRECTIVE):
            assert strategic, key
            _heed(result, key, value)
        elif value is None:
            result.pop(key, None)
        elif strategic and key in MERGED_BY:
            result[key] = _elements_merged(result.get(key, []), value, MERGED_BY[key])
        else:
            result[key] = merged(result.get(key), value, strategic=strategic)
    return result


def _heed(result: Json, directive: str, value: list[str]) -> None:
    """The order of elements is of no consequence here; what is not to be retained is removed."""
    if directive == "$retainKeys":
        for key in set(result) - set(value):
            del result[key]
    else:
        assert directive.startswith("$setElementOrder/"), f"unknown here: {directive}"


def _elements_merged(whole: list[Json], patch: list[Json], key: str) -> list[Json]:
    elements = {each[key]: each for each in whole}
    for change in patch:
        if change.get("$patch") == "delete":
            elements.pop(change[key], None)
        else:
            elements[change[key]] = merged(elements.get(change[key]), change, strategic=True)
    return list(elements.values())
