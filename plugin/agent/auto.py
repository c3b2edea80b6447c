"""Leaving an agent behind for the next call, where no service manager runs one (setting ``agent = "auto"``)."""

from __future__ import annotations

import os
import sys

IDLE_SECONDS = 600


def leave_agent(executable: str) -> None:
    """Start an agent of its own session that holds nothing of ours and ends when it was idle for ten minutes."""
    if os.environ.get("CNI_MACVLAN_AGENT_SOCKET", "unset") == "":
        return
    door = os.path.realpath(os.environ.get("CNI_MACVLAN_DOOR", sys.argv[0]))
    del executable
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CNI_") or name in {"CNI_MACVLAN_AGENT_SOCKET", "CNI_MACVLAN_SETTINGS"}
    }
    os.posix_spawn(
        door,
        [door, "agent", "--idle", str(IDLE_SECONDS), "--unless-running"],
        variables,
        file_actions=actions,
        setsid=True,
    )
