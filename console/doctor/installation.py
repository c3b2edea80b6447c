"""Checks of what is installed: our packages, the executables in the CNI directory, and whether they work."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from conf.errors import InvalidNetworkConfig
from console.doctor.finding import ERROR, WARNING, Finding, from_lint
from console.lint import on_node
from plugin.release import HOME, PROGRAM, ROLES, home_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.doctor.patient import Patient

PINNED = re.compile(r"^([\w.-]+)(?:\[[^]]+\])?==([^ ]+) \\?$", re.MULTILINE)
"""A line of requirements.txt that holds for every system."""
NAMES = (PROGRAM, *ROLES)
REFUSED = {"cniVersion": "1.1.0", "name": "doctor", "type": PROGRAM, "mode": "doctor"}
"""What makes a call load all that it may need, and refuse the mode before it does anything."""
SECONDS = 30
NO_SETTINGS = "/proc/self/no-settings"
"""A file that there is not: the defaults hold."""


def packages(patient: Patient) -> Iterator[Finding]:
    """Whether the packages are those that this version was tested with."""
    del patient
    with open(os.path.join(HOME, "requirements.txt"), encoding="utf-8") as file:
        wanted = PINNED.findall(file.read())
    for name, pinned in wanted:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        if found != pinned:
            yield Finding(
                WARNING, f"Python package {name}", f"{found}, and this version needs {pinned}", "run make install again"
            )


def installed(patient: Patient) -> Iterator[Finding]:
    """Whether every plugin that is needed is there and can be executed."""
    path = patient.executable(PROGRAM)
    is_named = any(plugin.type == PROGRAM for plugin in patient.plugins)
    if not is_named and not os.path.lexists(path):  # a link that leads nowhere has a check of its own
        cure = f"make install CNI_BIN_DIR={os.path.dirname(path)}"
        yield Finding(ERROR, path, "the plugin is not installed where runtimes look", cure)
    for chain in patient.chains:
        ours = [patient.is_ours(plugin) for plugin in chain]
        for plugin, is_main in zip(chain, ours, strict=True) if any(ours) else ():
            yield from map(from_lint, on_node.missing(plugin, patient.bin_dirs, is_main=is_main))


def foreign(patient: Patient) -> Iterator[Finding]:
    """Whether somebody else's executable serves what looks like ours."""
    for plugin in patient.plugins:
        yield from map(from_lint, on_node.foreign(plugin, patient.bin_dirs))


def daemons(patient: Patient) -> Iterator[Finding]:
    """Whether the daemon of ``dhcp`` runs where a network of ours needs it."""
    for network in patient.our_networks:
        yield from map(from_lint, on_node.daemon(network.plugin, patient.bin_dirs))


def links(patient: Patient) -> Iterator[Finding]:
    """Whether each of our names leads to an executable."""
    for name in NAMES:
        path = patient.executable(name)
        if os.path.islink(path) and not os.path.exists(path):
            yield Finding(
                ERROR, path, f"it leads to {os.readlink(path)}, which is not there", "make install, or remove the link"
            )


def works(patient: Patient) -> Iterator[Finding]:
    """Whether what is installed under our names can load all that it needs."""
    for path in _ours(patient):
        if os.access(path, os.X_OK) and (trouble := _trouble(path)):
            yield Finding(ERROR, path, f"it does not work: {trouble}", "run make install again")


def releases(patient: Patient) -> Iterator[Finding]:
    """Whether runtimes execute the release that was installed last."""
    current = home_of(os.path.join(patient.places.app_dir, "current", PROGRAM))
    for path in _ours(patient):
        home = home_of(path)
        if current and home != current:
            yield Finding(
                WARNING,
                path,
                f"it is version {version_of(home)} in {home}; installed last was {version_of(current)} in {current}",
                "make install with the LINKS that you want",
            )


def _ours(patient: Patient) -> list[str]:
    """The executables in the CNI directory that are this plugin, in whatever version."""
    paths = map(patient.executable, NAMES)
    return [path for path in paths if home_of(path)]


def _trouble(executable: str) -> str:
    """Have it serve a call that it has to refuse; what is wrong if it does not, "" if all is well."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "CNI_COMMAND": "STATUS",
        "CNI_MACVLAN_SETTINGS": NO_SETTINGS,
        "CNI_MACVLAN_AGENT_SOCKET": "",
    }
    try:
        done = subprocess.run(  # noqa: S603 - the plugin
            [executable], env=variables, input=json.dumps(REFUSED), capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
        answer = json.loads(done.stdout or "{}")
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return str(error)
    if answer.get("code") == InvalidNetworkConfig.code:
        return ""
    return str(answer.get("msg") or done.stderr.strip() or f"exit status {done.returncode} without an answer")
