"""Checks of who may use what calls trust: the agent's socket, the lease database."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from console.doctor.agent import UNIT
from console.doctor.finding import WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.doctor.patient import Patient

OTHERS, OTHERS_WRITE = 0o077, 0o022


def socket(patient: Patient) -> Iterator[Finding]:
    """Whether root alone may use the socket: who may, can have interfaces made in any namespace."""
    path = patient.places.socket
    if os.path.exists(path):
        yield from _of_root_alone(path, f"chmod 600 and chown root, and SocketMode=0600 in {UNIT}.socket")


def leases(patient: Patient) -> Iterator[Finding]:
    """Whether root alone may write leases, and read whose they are."""
    for path in (patient.settings.state_dir, *patient.database_files):
        if os.path.exists(path):
            yield from _of_root_alone(path, f"chown root {path}; chmod go= {path}")


def _of_root_alone(path: str, cure: str) -> Iterator[Finding]:
    """A file is nobody else's; a directory may be read, for its files tell nothing."""
    status = os.stat(path)
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid or mode & (OTHERS_WRITE if stat.S_ISDIR(status.st_mode) else OTHERS):
        yield Finding(WARNING, path, f"its mode is {mode:04o} and its owner user {status.st_uid}", cure)
