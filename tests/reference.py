"""The releases of the reference plugins that we are held against, as `make setup-test` has unpacked them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

OLD: Final = "1.1.1"
"""What Debian 12, Debian 13 and Ubuntu 24.04 have."""
NEW: Final = "1.9.1"
"""What runtimes ship today."""
RELEASES: Final = (OLD, NEW)
PLACE: Final = Path(__file__).resolve().parent.parent / ".venv" / "reference"


def reference(release: str) -> Path:
    """The directory with the plugins of a release, for CNI_PATH."""
    return PLACE / release / "usr" / "lib" / "cni"


def package(release: str) -> str:
    """Debian's package that they came in, with its version."""
    return (PLACE / release / "version").read_text().strip()
