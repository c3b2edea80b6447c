"""The settings of property tests: the same examples in each run and on each machine, however slow it is."""

from __future__ import annotations

import importlib
import pkgutil

from hypothesis import HealthCheck, settings

from tests.runtime import REPOSITORY

# found anew in each run, the same in each: a failure here is a failure everywhere
SAME_EVERYWHERE = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=True
)


def _import_everything() -> None:
    """Hypothesis also tries the constants of our modules as far as they are imported: let no earlier test decide."""
    for room in ("conf", "ipam", "link", "plugin", "agent", "console"):
        for module in pkgutil.walk_packages([str(REPOSITORY / room)], f"{room}."):
            importlib.import_module(module.name)
    importlib.import_module("docs.generate")


_import_everything()
