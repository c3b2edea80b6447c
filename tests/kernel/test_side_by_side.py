"""The reference plugins and ours on one configuration: equal outcomes, or a difference that is documented."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.configurations import CASES
from tests.kernel.differences import ANY, DIFFERENCES, document
from tests.kernel.outcome import differing, outcome
from tests.runtime import REFERENCE, REPOSITORY, ROLES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", CASES)
def test_same_as_the_reference(name: str, tmp_path: Path, door: Path) -> None:
    reference = outcome(CASES[name], {role: REFERENCE / role for role in ROLES}, tmp_path / "reference")
    ours = outcome(CASES[name], dict.fromkeys(ROLES, door), tmp_path / "ours")
    found = differing(ours, reference)
    expected = {field for known in DIFFERENCES if name in known.cases for field in known.fields}
    anywhere = {field: known.values for known in DIFFERENCES if known.cases == ANY for field in known.fields}
    surprising = {field: values for field, values in found.items() if field not in expected}
    assert {field: values for field, values in surprising.items() if anywhere.get(field) != values} == {}
    assert expected - found.keys() == set()


def test_differences_are_documented() -> None:
    assert (REPOSITORY / "docs" / "differences.md").read_text() == document()


def test_differences_name_configurations_of_the_table() -> None:
    assert {case for known in DIFFERENCES for case in known.cases} <= CASES.keys()
