"""Commands that see the namespaces of one test alone: others' come and go, and there a guest is taken for a leak."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lan import Lan

HIDE = """
set -e
for file in /run/netns/*; do
    case " $MINE " in *" $file "*) ;; *) umount -l "$file" 2>/dev/null || true ;; esac
done
"""
PROCESSES = ("--pid", "--fork", "--mount-proc")


def alone(lan: Lan, script: str, hidden: tuple[str, ...] = PROCESSES) -> tuple[str, ...]:
    """The beginning of a command that a shell executes as ``"$@"`` at the end of the script, with all others hidden."""
    mine = " ".join(str(each.path) for each in lan.namespaces)
    return ("unshare", "--mount", *hidden, "sh", "-c", f"MINE={shlex.quote(mine)}{HIDE}{script}", "sh")
