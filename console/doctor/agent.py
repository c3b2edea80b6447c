"""Checks of the agent: a node without one is healthy, a node with a wedged one is not."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from console.doctor.finding import ERROR, WARNING, Finding
from plugin.release import PROGRAM, home_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.doctor.patient import Patient

UNIT = f"{PROGRAM}-agent"
PACKAGE = re.compile(r" (/\S*?)/(?:\.venv/lib/[^/]+/)?site-packages/\S+$", re.MULTILINE)
"""A line of /proc/PID/maps about a package: where the release is that the process runs."""
RESTART = f"systemctl restart {UNIT}.service, or however it was started"


def listens(patient: Patient) -> Iterator[Finding]:
    """Whether somebody listens where a socket is."""
    path = patient.places.socket
    if os.path.exists(path) and not patient.agent.listens:
        yield Finding(
            WARNING,
            path,
            f"no agent listens there ({patient.agent.words}): each call starts a Python of its own",
            f"start the agent (systemctl start {UNIT}.socket), or remove the file if there is to be none",
        )


def answers(patient: Patient) -> Iterator[Finding]:
    """Whether who listens is an agent that is well."""
    if patient.agent.listens and not patient.agent.greets:
        yield Finding(
            ERROR,
            patient.places.socket,
            f"somebody listens there, and is no agent that calls could use: {patient.agent.words}",
            RESTART,
        )


def release(patient: Patient) -> Iterator[Finding]:
    """Whether the agent runs the release that is installed."""
    current = home_of(patient.executable(PROGRAM))
    running = _home_of_process(patient.agent.process)
    if current and running and not _same(current, running):
        yield Finding(
            WARNING,
            f"process {patient.agent.process}",
            f"the agent is {_named(running)}; installed is version {version_of(current)} in {current}",
            RESTART,
        )


def unit_and_auto(patient: Patient) -> Iterator[Finding]:
    """Whether two would start an agent."""
    units = [
        os.path.join(place, f"{UNIT}.{kind}")
        for place in patient.places.units.split(":")
        for kind in ("socket", "service")
    ]
    found = [unit for unit in units if os.path.lexists(unit)]
    if patient.settings.agent == "auto" and found:
        yield Finding(
            WARNING,
            patient.places.settings,
            f'"agent" = "auto", and there is {found[0]}: both start agents, which take the socket from each other',
            'set "agent" = "external", or remove the unit',
        )


def _home_of_process(process: int) -> str:
    """The directory of the release that a process runs, as it sees it; "" if that cannot be told."""
    if not process:
        return ""
    try:
        with open(f"/proc/{process}/maps", encoding="utf-8", errors="surrogateescape") as file:
            found = PACKAGE.search(file.read())
    except OSError:
        return ""
    return f"/proc/{process}/root{found[1]}" if found else ""


def _same(current: str, running: str) -> bool:
    try:
        return os.path.samefile(current, running)
    except FileNotFoundError:
        return False


def _named(home: str) -> str:
    place = home.partition("/root")[2]
    try:
        return f"version {version_of(home)} in {place}"
    except OSError:
        return f"of {place}, which has been removed"
