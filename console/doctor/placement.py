"""Checks of where configurations are: whether there is one of ours at all, and whether runtimes read it."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from conf.errors import CniError, IoFailure
from console.configs.networks import SUFFIXES, Network, networks_in, read_json, read_text
from console.doctor.finding import ERROR, NOTICE, WARNING, Finding, from_error
from plugin.release import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.doctor.patient import Patient

OURS: Final = re.compile(rf"""\btype["']?\s*:\s*["']?(?:{PROGRAM}|macvlan)\b""")
"""What a file says that means one of ours, in JSON, in YAML, and in what is neither of them any more."""
NETAVARK: Final = "netavark"
HELPERS: Final = "/usr/local/libexec/podman:/usr/local/lib/podman:/usr/libexec/podman:/usr/lib/podman"
"""Where podman looks for its helpers (helper_binaries_dir of containers.conf(5))."""
LARGEST: Final = 1 << 20
"""Bytes; a larger file is no configuration."""


def directory(patient: Patient) -> Iterator[Finding]:
    """Whether the directory of the configurations can be read."""
    path = patient.places.conf_dir
    if not os.path.exists(path):
        yield Finding(
            NOTICE,
            path,
            "there is no such directory, hence no network that a runtime could use",
            "make it and write a network into it; --conf-dir names another",
        )
    try:
        networks_in(path)
    except IoFailure as error:
        yield from_error(ERROR, path, error)


def nothing(patient: Patient) -> Iterator[Finding]:
    """Whether there is a network of ours, here or, as attachments show, in a cluster's definitions."""
    path = patient.places.conf_dir
    networks = [network for network in patient.configured if isinstance(network, Network)]
    # Also one that is wrong, and one that a Multus of this node delegates to.
    named = any(OURS.search(json.dumps(network.values)) for network in networks)
    if os.path.isdir(path) and not named and not patient.given_by_us and not patient.records:
        yield Finding(
            NOTICE,
            path,
            f'no network in it has "type": "{PROGRAM}" or another name of ours: no runtime calls us',
            "write one, as the README's; --conf-dir names another directory. A cluster's NetworkAttachmentDefinitions "
            "are not seen here",
        )


def misplaced(patient: Patient) -> Iterator[Finding]:
    """Files with a network of ours that runtimes pass over; a copy of one that they read is none."""
    known = {network.values.get("name") for network in patient.configured if isinstance(network, Network)}
    for path in _passed_over(patient.places.conf_dir):
        text = _text(path)
        if OURS.search(text) and _name(path, text) not in known:
            there = patient.places.conf_dir
            yield Finding(
                WARNING,
                path,
                f"a network of ours is in it, and runtimes read {' '.join(f'*{each}' for each in SUFFIXES)} in {there}",
                f"mv {path} {there}/NAME.conflist (.conf for one without a list), as JSON; or remove the file",
            )


def podman(patient: Patient) -> Iterator[Finding]:
    """Whether podman reads the networks: only of CNI, and only lists."""
    if not patient.our_networks or not shutil.which(patient.places.podman):
        return
    where, backend = _backend(patient)
    if backend == NETAVARK:
        yield Finding(
            NOTICE,
            where,
            "podman's network backend is netavark, which reads no network of CNI: its containers cannot have ours",
            'podman 4: network_backend = "cni" in containers.conf, before there are containers; from 5 on podman has '
            "netavark alone, with a macvlan driver of its own",
        )
        return
    for network in patient.our_networks:
        if not network.file.endswith(".conflist"):
            yield Finding(
                NOTICE,
                network.file,
                f'podman reads *.conflist alone, and does not know network "{network.network}"',
                f'write {os.path.splitext(network.file)[0]}.conflist with "plugins": [...] for it',
            )


def _passed_over(conf_dir: str) -> Iterator[str]:
    """Files in the directory with another ending, and those beside it or in a directory beside it."""
    above = os.path.dirname(os.path.abspath(conf_dir))
    for place in dict.fromkeys((conf_dir, above, *_entries(above))):
        for path in _entries(place):
            is_read = os.path.abspath(place) == os.path.abspath(conf_dir) and path.endswith(SUFFIXES)
            if not is_read and os.path.isfile(path):
                yield path


def _entries(place: str) -> list[str]:
    try:
        return sorted(os.path.join(place, name) for name in os.listdir(place))
    except OSError:  # no directory, or none for us
        return []


def _text(path: str) -> str:
    try:
        return read_text(path) if os.path.getsize(path) <= LARGEST else ""
    except (CniError, OSError):  # no text
        return ""


def _name(path: str, text: str) -> object:
    with suppress(CniError):
        return read_json(path, text).values.get("name")
    return ""


def _backend(patient: Patient) -> tuple[str, str]:
    """Where podman has its network backend from, and which: settings, its note of the first use, what is installed."""
    found = ("", "")
    for path in _settings_files(patient.places.containers_conf):
        with suppress(OSError, ValueError), open(path, "rb") as file:
            backend = tomllib.load(file).get("network", {}).get("network_backend", "")
            found = (path, backend) if backend else found
    if not found[1]:
        noted = os.path.join(patient.places.containers_storage, "defaultNetworkBackend")
        with suppress(OSError), open(noted, encoding="utf-8") as file:
            found = (noted, file.read().strip())
    program = shutil.which(NETAVARK, path=HELPERS)
    return found if found[1] or not program else (program, NETAVARK)


def _settings_files(places: str) -> Iterator[str]:
    """Each file of containers.conf(5) with those of its directory, of which the later ones win."""
    for path in places.split(":"):
        yield path
        yield from (each for each in _entries(f"{path}.d") if each.endswith(".conf"))
