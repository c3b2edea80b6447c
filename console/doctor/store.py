"""Checks of the settings and of the lease database: whether it can be written, and whether it is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from conf.errors import CniError, InvalidSettings
from console.doctor.finding import ERROR, WARNING, Finding, from_error
from ipam.store.sqlite_errors import RESCUE
from plugin.journal import JournalHandler
from plugin.node import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.doctor.patient import Patient

SCARCE = 16 << 20
"""Bytes of free space below which a log and a database may soon not grow any more."""
DATABASE, STATE_DIR = "leases.db", "state_dir in the settings"
NO_DIRECTORY, READ_ONLY, NO_PERMISSION = "it is no directory", "its file system is read-only", "no permission"
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
    if patient.settings.log_format == "journal":
        try:
            JournalHandler().close()
        except InvalidSettings as error:
            yield from_error(ERROR, patient.places.settings, error)
    elif path and (os.path.isdir(path) or not _writable(path if os.path.exists(path) else os.path.dirname(path))):
        yield Finding(
            ERROR,
            patient.places.settings,
            f'"log_file" = "{path}" cannot be written, and no call succeeds without it',
            f"make the directory {os.path.dirname(path)} and let root write there, or leave log_file out",
        )


def record_dir(patient: Patient) -> Iterator[Finding]:
    """Whether calls can be recorded."""
    path = patient.settings.record_dir
    if path and (trouble := _trouble(_existing(path))):
        yield Finding(
            WARNING,
            patient.places.settings,
            f'"record_dir" = "{path}" cannot be written, and no call is recorded: {trouble}',
            f"make {path} a directory that root may write to, or leave record_dir out",
        )


def writable(patient: Patient) -> Iterator[Finding]:
    """Whether leases can be written."""
    places = dict.fromkeys((*patient.database_files, _existing(patient.settings.state_dir)), STATE_DIR)
    for network in patient.given_by_us:
        if network.data_dir:
            key = f"dataDir in {network.file}"
            places.setdefault(_existing(os.path.join(network.data_dir, network.network)), key)
    told = set()
    for path, key in places.items():
        trouble = _trouble(path)
        if trouble and key not in told:
            told.add(key)
            yield Finding(ERROR, path, f"leases cannot be written: {trouble}", _cure(trouble, key))


def space(patient: Patient) -> Iterator[Finding]:
    """Whether there is room for more leases."""
    directories = (patient.settings.state_dir, *(each.data_dir for each in patient.given_by_us if each.data_dir))
    places = {os.stat(place).st_dev: place for place in map(_existing, reversed(directories)) if os.path.isdir(place)}
    for place in places.values():
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
        cure = RESCUE.format(files=" ".join(patient.database_files))
        yield Finding(ERROR, path, f"it is damaged: {damage[:SHOWN]}", cure)


def _existing(path: str) -> str:
    """The nearest path above that exists: there the first ADD would make the others."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _trouble(path: str) -> str:
    """Why nothing can be written to a file or below a directory; "" if it can."""
    if not os.path.exists(path):
        return f"it leads to {os.path.realpath(path)}, which is not there"
    if not os.path.isdir(path) and os.path.basename(path).partition("-")[0] != DATABASE:
        return NO_DIRECTORY
    if _writable(path):
        return ""
    return READ_ONLY if os.statvfs(path).f_flag & os.ST_RDONLY else NO_PERMISSION


def _cure(trouble: str, key: str) -> str:
    if trouble == READ_ONLY:
        return f"mount it writable, or name another {key}"
    if trouble == NO_PERMISSION:
        return "chmod, chown, chattr -i"
    return f"make a directory of it, or name another {key}"


def _writable(path: str) -> bool:
    return os.access(path, os.W_OK | (os.X_OK if os.path.isdir(path) else 0))
