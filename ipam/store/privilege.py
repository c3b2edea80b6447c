"""What to do about what the kernel keeps from us: for anybody but root that is to be root, and nothing else."""

from __future__ import annotations

import os
from typing import Final

from conf.errors import IoFailure

ROOT: Final = "root is needed: run it with sudo"


def root_or(cure: str) -> str:
    """The cure, for root; anybody else may have no more to do than to be root."""
    return ROOT if os.geteuid() else cure


def cure_of_refusal(error: BaseException | None, cure: str) -> str:
    """The cure of any other error than a refusal, and what to do about that."""
    return root_or(cure) if isinstance(error, PermissionError) else cure


def failure_of(error: OSError) -> IoFailure:
    """What a caller is told of an error of the system that no step has made its own."""
    cure = cure_of_refusal(error, "mend that and try again")
    return IoFailure(f"the system refused: {error}; {cure}", type(error).__name__)
