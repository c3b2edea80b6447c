"""The versions of the CNI specification that we speak, and what each has: tables.

Sources: SPEC 1.1 and the result types of the CNI Go library (0.2.0, 0.4.0, 1.0.0).
"""

from __future__ import annotations

from conf.errors import IncompatibleVersion

SUPPORTED = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
LATEST = SUPPORTED[-1]

# A configuration without cniVersion is one of the first version (SPEC 0.2.0, "Network Configuration").
UNSTATED = "0.1.0"

# The shape of a result: versions of one group understand each other's prevResult.
FORMS = {
    "0.1.0": "ip4-ip6",
    "0.2.0": "ip4-ip6",
    "0.3.0": "ips-with-version",
    "0.3.1": "ips-with-version",
    "0.4.0": "ips-with-version",
    "1.0.0": "ips",
    "1.1.0": "ips",
}

FIRST_VERSION_OF = {
    "ADD": "0.1.0",
    "DEL": "0.1.0",
    "VERSION": "0.1.0",
    "CHECK": "0.4.0",
    "STATUS": "1.1.0",
    "GC": "1.1.0",
}

FIRST_VERSION_WITH_INTERFACE_MTU = "1.1.0"


def at_least(version: str, first: str) -> bool:
    """Whether a supported version is the given one or later."""
    return SUPPORTED.index(version) >= SUPPORTED.index(first)


def require_verb(version: str, verb: str) -> None:
    """Raise IncompatibleVersion unless the version is supported and has the verb."""
    if version not in SUPPORTED:
        known = " ".join(f'"{v}"' for v in SUPPORTED)
        raise IncompatibleVersion(
            "incompatible CNI versions",
            f'config is "{version}", plugin supports [{known}]; set "cniVersion" to one of these',
            "cniVersion",
        )
    first = FIRST_VERSION_OF[verb]
    if not at_least(version, first):
        raise IncompatibleVersion(
            f"config version does not allow {verb}",
            f'"cniVersion" is "{version}", {verb} needs "{first}" or later',
            "cniVersion",
        )
