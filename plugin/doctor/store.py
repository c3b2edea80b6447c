"""Checks of the settings and of the lease database: whether it can be written, and whether it is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from conf.errors import CniError, InvalidSettings
from ipam.store.cures import RESET
from plugin.doctor.finding import ERROR, WARNING, Finding, from_error
from plugin.node import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugin.doctor.patient import Patient

SCARCE = 16 << 20
"""Bytes of free space below which a log and a database may soon not grow any more."""
SHOWN = 200
"""Characters of what SQLite says of damage, which it can say of every page."""


def settings(patient: Patient) -> Iterator[Finding]:
    """Whether the settings file can be used."""
    try:
        read_settings({"CNI_MACVLAN_SETTINGS": patient.places.settings})
    except InvalidSettings as error:
        yield from_error(ERROR, patient.places.settings, error)


def log_file(patient: Patient) -> Iterator[Finding]:
    """Whether log lines can be written."""
    path = patient.settings.log_file
    if path and not _writable(path if os.path.exists(path) else os.path.dirname(path)):
        yield Finding(
            ERROR,
            patient.places.settings,
            f'"log_file" = "{path}" cannot be written, and no call succeeds without it',
            f"make the directory {os.path.dirname(path)} and let root write there, or leave log_file out",
        )


def writable(patient: Patient) -> Iterator[Finding]:
    """Whether leases can be written."""
    for path in (*patient.database_files, _existing(patient.settings.state_dir)):
        if not _writable(path):
            read_only = os.statvfs(path).f_flag & os.ST_RDONLY
            yield Finding(
                ERROR,
                path,
                "leases cannot be written: " + ("its file system is read-only" if read_only else "no permission"),
                "mount it writable, or name another state_dir in the settings"
                if read_only
                else "chmod, chown, chattr -i",
            )
            return


def space(patient: Patient) -> Iterator[Finding]:
    """Whether there is room for more leases."""
    place = _existing(patient.settings.state_dir)
    there = os.statvfs(place)
    free = there.f_bavail * there.f_frsize
    if free < SCARCE or (there.f_files and not there.f_favail):
        full = free == 0 or not there.f_favail
        yield Finding(
            ERROR if full else WARNING,
            place,
            f"its file system has {free >> 10} KiB left and room for {there.f_favail} files",
            "make room: without it no address can be given",
        )


def intact(patient: Patient) -> Iterator[Finding]:
    """Whether the database is whole, ours, and of a version that is known here."""
    path = patient.database_path
    try:
        damage = patient.database.damage()
    except CniError as error:
        yield from_error(ERROR, path, error)
        return
    if damage:
        cure = RESET.format(files=" ".join(patient.database_files))
        yield Finding(ERROR, path, f"it is damaged: {damage[:SHOWN]}", cure)


def _existing(path: str) -> str:
    """The nearest directory above that exists: there the first ADD would make the others."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _writable(path: str) -> bool:
    return os.access(path, os.W_OK | (os.X_OK if os.path.isdir(path) else 0))
