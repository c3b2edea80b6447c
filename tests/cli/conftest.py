"""A person at the node of a test's runtime."""

from __future__ import annotations

import pytest

from tests.cli.operator import Operator
from tests.runtime import Runtime


@pytest.fixture
def operator(runtime: Runtime) -> Operator:
    """Somebody whose settings are the runtime's."""
    return Operator(runtime)
