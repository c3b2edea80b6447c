"""Configurations in which the reference and ours differ in one way."""

from __future__ import annotations

from tests.kernel.configurations import CASES, LATEST
from tests.kernel.difference import Cases, of

OF_LATEST: Cases = frozenset(name for name, case in CASES.items() if LATEST.items() <= case.keys.items())
"""Configurations of a version that the old release does not know: it refuses every verb."""
RANGE_ERRORS: Cases = frozenset({
    "host bits",
    "no ranges",
    "subnet without prefix",
    "sets overlap",
    "start outside",
    "end outside",
    "end before start",
    "families mixed",
    "set is empty",
})  # fmt: skip
LATE_FAILURES: Cases = RANGE_ERRORS | {
    "IPAM plugin missing",
    "static without addresses",
    "static with a bare address",
    "pool exhausted",
    "address taken",
    "address outside the ranges",
    "address of the gateway",
    "gateway out of reach",
    "mtu below IPv6's least",
    "resolvConf missing",
    "route twice",
    "route without destination",
    "routes without addresses of their family",
    "STATUS of a full range",
    "STATUS without the IPAM plugin",
}
NOT_READ_AT_DEL: Cases = frozenset({
    "IP of CNI_ARGS alone",
    "multipath default route",
    "unknown master",
    "no default route",
    "mtu above the master's",
    "negative mtu",
    "CHECK with a master of a smaller mtu",
    "DEL with another master",
})  # fmt: skip
NEVER_READ_AT_DEL = of(
    "mtu is a string", "bad pair in CNI_ARGS", "unknown key in CNI_ARGS", "CNI_ARGS with a semicolon at the end"
)
BROKEN_AT_DEL = RANGE_ERRORS | of(
    "IPAM plugin missing", "DEL without the IPAM plugin", "DEL with a broken range", "STATUS without the IPAM plugin"
)
IN_OTHER_WORDS: Cases = frozenset({
    "linkInContainer",
    "unknown master",
    "master is lo",
    "negative mtu",
    "mtu below the kernel's least",
    "mtu below IPv6's least",
    "mtu is a string",
    "multicast mac",
    "interface exists",
    "second passthru",
    "gateway out of reach",
    "route twice",
    "route without destination",
    "routes without addresses of their family",
    "STATUS without its master",
})  # fmt: skip
ROUTE_KEYS = of(
    "route with priority",
    "route with the largest priority",
    "route with table",
    "route with mtu",
    "route with advmss",
    "route of scope link",
    "route of scope host",
)
