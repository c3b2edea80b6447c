"""Patches do what `kubectl apply` means by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.patches import merged

if TYPE_CHECKING:
    from tests.runtime import Json

POD: Json = {
    "containers": [{"name": "agent", "image": "agent:1", "args": ["a", "b"]}, {"name": "log", "image": "log:1"}],
    "volumes": [{"name": "settings", "configMap": {"name": "old"}}],
    "tolerations": [{"operator": "Exists"}],
}


@pytest.mark.parametrize(
    ("patch", "key", "becomes"),
    [
        (
            {"$setElementOrder/containers": [{"name": "agent"}], "containers": [{"name": "agent", "image": "agent:2"}]},
            "containers",
            [{"name": "agent", "image": "agent:2", "args": ["a", "b"]}, {"name": "log", "image": "log:1"}],
        ),
        (
            {"containers": [{"name": "agent", "args": ["c"]}, {"name": "log", "$patch": "delete"}]},
            "containers",
            [{"name": "agent", "image": "agent:1", "args": ["c"]}],
        ),
        (
            {"volumes": [{"name": "settings", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}]},
            "volumes",
            [{"name": "settings", "emptyDir": {}}],
        ),
        ({"tolerations": []}, "tolerations", []),
        ({"tolerations": None}, "tolerations", None),
    ],
)
def test_strategic(patch: Json, key: str, becomes: object) -> None:
    assert merged(POD, patch, strategic=True) == {
        name: value for name, value in {**POD, key: becomes}.items() if value is not None
    }


def test_json_merge_replaces_lists() -> None:
    log = {"name": "log", "image": "log:2"}
    assert merged(POD, {"containers": [log]}, strategic=False)["containers"] == [log]


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(AssertionError, match="deleteFromPrimitiveList"):
        merged(POD, {"$deleteFromPrimitiveList/finalizers": ["x"]}, strategic=True)
