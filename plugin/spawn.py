"""Leaving an agent behind for the next call, where no service manager runs one (setting ``agent = "auto"``)."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress

IDLE_SECONDS = 600
PATHS = ("CNI_MACVLAN_AGENT_SOCKET", "CNI_MACVLAN_SETTINGS")

log = logging.getLogger(__name__)


def leave_agent() -> None:
    """Start an agent of its own session that holds nothing of ours and ends when it was idle for ten minutes.

    This is the last act of a process whose answer is out: where it fails, the next call tries again.
    """
    if os.environ.get("CNI_MACVLAN_AGENT_SOCKET", "unset") == "":
        return
    door = os.path.realpath(sys.argv[0])
    variables = {name: value for name, value in os.environ.items() if not name.startswith("CNI_")}
    variables |= {name: os.path.abspath(os.environ[name]) for name in PATHS if os.environ.get(name)}
    try:
        # Neither a descriptor nor a directory of the caller's is to be held for so long.
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # the one that the directory was listed with
                os.set_inheritable(int(name), False)  # noqa: FBT003 - the name tells
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        os.posix_spawn(
            door,
            [door, "agent", "--idle", str(IDLE_SECONDS), "--unless-running"],
            variables,
            file_actions=[(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)],
            setsid=True,
        )
    except OSError as error:
        log.warning("no agent could be left behind: %s", error)
