"""The stand-in for Multus reads the annotation as Multus' documentation has it."""

from __future__ import annotations

import pytest

from tests.cluster.multus import NETWORKS, Selection, selections


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", []),
        ("lan", [Selection("here", "lan", "net1")]),
        ("there/lan@lan0", [Selection("there", "lan", "lan0")]),
        ("lan, there/lan, lan@b", [
            Selection("here", "lan", "net1"), Selection("there", "lan", "net2"), Selection("here", "lan", "b"),
        ]),
    ],
)  # fmt: skip
def test_networks_of_a_pod(asked: str, found: list[Selection]) -> None:
    assert selections({"metadata": {"namespace": "here", "annotations": {NETWORKS: asked}}}) == found


def test_a_form_that_is_not_known_is_refused() -> None:
    with pytest.raises(AssertionError, match="short form"):
        selections({"metadata": {"namespace": "here", "annotations": {NETWORKS: '[{"name": "lan"}]'}}})
