"""Our executable as a person or a script calls it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.runtime import DOOR


def call(
    *words: str | Path, stdin: str = "", prefix: tuple[str, ...] = (), variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; ``prefix`` is put before it, and the variables beside PATH."""
    return subprocess.run(
        [*prefix, DOOR, *words],
        env={"PATH": os.environ["PATH"], **(variables or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def answered(*words: str | Path, status: int = 0, **how: Any) -> Any:  # noqa: ANN401 - as call; any JSON
    """The JSON document of a command that ends with this status and complains of nothing."""
    done = call(*words, "--json", **how)
    assert (done.returncode, done.stderr) == (status, ""), done
    return json.loads(done.stdout)
