"""Every difference between the reference plugins and ours that the configurations show, with its reason.

The source of docs/differences.md: ``python -m tests.kernel.differences > docs/differences.md``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

ANY: frozenset[str] = frozenset()
RANGE_ERRORS = frozenset({
    "host bits",
    "no ranges",
    "subnet without prefix",
    "sets overlap",
    "start outside",
    "families mixed",
    "set is empty",
})  # fmt: skip
LATE_FAILURES = RANGE_ERRORS | {
    "IPAM plugin missing",
    "static without addresses",
    "static with a bare address",
    "pool exhausted",
    "address taken",
    "address outside the ranges",
    "address of the gateway",
    "gateway out of reach",
    "routes without addresses of their family",
}
NOT_ASKED_AT_DEL = frozenset({
    "IP of CNI_ARGS alone",
    "unknown master",
    "no default route",
    "mtu above the master's",
    "negative mtu",
    "mtu is a string",
    "bad pair in CNI_ARGS",
    "unknown key in CNI_ARGS",
})  # fmt: skip
WIDER_ROUTES = frozenset({"route with priority", "route with table", "route with mtu"})


@dataclass(frozen=True)
class Difference:
    """One deliberate difference.

    Attributes:
        fields: the fields of an outcome (``tests.kernel.outcome``) that differ.
        cases: the configurations in which all of these fields differ; ANY for wherever ``values`` meet.
        values: ours and the reference's, where they are the same in every configuration.
    """

    title: str
    reference: str
    ours: str
    reason: str
    fields: tuple[str, ...]
    cases: frozenset[str] = ANY
    values: tuple[object, object] | None = None


DIFFERENCES = [
    Difference(
        "Failed ADD", 'the interface stays in the container and the next ADD fails with "file exists"',
        "nothing stays: no interface, no lease, no route",
        "the specification asks the plugin to clean up after itself; a retry has to be possible",
        ("left by ADD",), LATE_FAILURES,
    ),
    Difference(
        "Layer 2 attachment at 0.1.0 and 0.2.0", "fails with 999 and leaves the interface",
        "is made; the result has no addresses",
        "the old form of a result has no place for an interface, and needs none",
        ("ADD",), frozenset({"layer 2 of 0.2.0"}),
    ),
    Difference(
        "DEL with a configuration that ADD would refuse", "fails, because the link keys or CNI_ARGS are read again",
        "succeeds", "DEL is to complete even if the configuration or the master has changed since",
        ("DEL",), NOT_ASKED_AT_DEL,
    ),
    Difference(
        "DEL with a broken `ipam` object", "fails and leaves the interface",
        "removes the interface, and the leases as far as their place is known",
        "a container that cannot be removed is worse than an address that GC finds later",
        ("DEL", "left by DEL"),
        RANGE_ERRORS | {"IPAM plugin missing", "DEL without the IPAM plugin", "DEL with a broken range",
                        "DEL with another master"},
    ),
    Difference(
        "DEL of an interface that is not ours", "deletes whatever has the name", "leaves what is no macvlan",
        "the name may belong to another plugin's interface",
        ("left by DEL",), frozenset({"interface exists"}),
    ),
    Difference(
        "`prevResult` at ADD", "is dropped", "its interfaces, addresses and routes come first in the result",
        "the specification: a chained plugin must pass the previous result on",
        ("result.interfaces", "result.ips"), frozenset({"prevResult at ADD"}),
    ),
    Difference(
        "DNS of the IPAM plugin (`ipam.dns`, `resolvConf`)", "never reaches the runtime", "is part of the result",
        "the keys are there to be answered; DNS of the network configuration goes first",
        ("result.dns.nameservers", "result.dns.domain", "result.dns.search", "result.dns.options"),
        frozenset({"dns of static", "resolvConf"}),
    ),
    Difference(
        "Empty DNS in results of 1.0.0", '`"dns": {}`', "no key", "as releases of the reference after 1.1.1",
        ("result.dns",), ANY, (None, {}),
    ),
    Difference(
        "Route keys `mtu`, `advmss`, `priority`, `table`, `scope`", "1.1.1 ignores them",
        "are in the kernel, in the result, and looked for by CHECK",
        "later releases know them, but leave mtu and advmss out of the kernel and fail CHECK on a table",
        ("CHECK", "result.routes", "routes"), WIDER_ROUTES,
    ),
    Difference(
        "CHECK of an address that fills its network (/32)", "fails right after ADD",
        "passes", "the kernel makes no network route for such an address",
        ("CHECK",), frozenset({"static, several of a family"}),
    ),
    Difference(
        "Subnets of one and two addresses (/31, /32, /127, /128)", "are refused as too small; DEL fails as well",
        "all their addresses are given", "point-to-point links and single addresses have no broadcast (RFC 3021)",
        ("ADD", "DEL", "left by DEL"), frozenset({"subnet of two addresses"}),
    ),
    Difference(
        "`bcqueuelen`", "1.1.1 ignores it", "sets the length of the broadcast queue", "later releases know it",
        ("link.linkinfo.info_data.bcqueuelen", "link.linkinfo.info_data.usedbcqueuelen"), frozenset({"bcqueuelen"}),
    ),
    Difference(
        "`linkInContainer`", "1.1.1 ignores it and uses the node's master",
        "the master is looked up in the container", "later releases know it",
        ("ADD",), frozenset({"linkInContainer"}),
    ),
    Difference(
        "Length of the transmit queue", "0", "the kernel's default",
        "nobody asked for 0; a queueing discipline that is added later needs a length",
        ("link.txqlen",), ANY, (1000, None),
    ),
    Difference(
        "Unsolicited neighbour advertisements (`ndisc_notify`)", "1.1.1 leaves it off",
        "on", "neighbours forget the old MAC of an address at once, as with IPv4; later releases do the same",
        ("sysctls.ipv6/conf/IF/ndisc_notify",), ANY, ("1", "0"),
    ),
    Difference(
        "IPv6 addresses of an interface that goes down (`keep_addr_on_down`)", "1.1.1 loses them", "stay",
        "as IPv4 addresses do; later releases do the same",
        ("sysctls.ipv6/conf/IF/keep_addr_on_down",), ANY, ("1", "0"),
    ),
    Difference(
        "Words of errors", "Go's, often without the name of what is wrong",
        "key, value and cure; the reference's own words come first wherever they say something",
        "an error should tell what to change",
        ("ADD",),
        frozenset({"unknown master", "master is lo", "mtu is a string", "multicast mac", "interface exists",
                   "second passthru", "gateway out of reach", "routes without addresses of their family"}),
    ),
    Difference(
        "Supported versions", "1.1.1: 0.1.0 to 1.0.0", "0.1.0 to 1.1.0", "1.1.0 brings STATUS and GC",
        ("ADD", "DEL"), frozenset({"unsupported cniVersion"}),
    ),
]  # fmt: skip


def document() -> str:
    """The text of docs/differences.md."""
    rows = "\n".join(f"| {d.title} | {d.reference} | {d.ours} | {d.reason} |" for d in DIFFERENCES)
    return f"""\
# Differences from the reference plugins

The same configurations go through the reference plugins (`macvlan`, `host-local` and `static`, version 1.1.1 as
Debian and Ubuntu ship it) and through ours, each on a LAN of its own. Interface, addresses, routes, sysctls, result,
leases, CHECK and DEL are equal, except for what is listed here. Error codes are also equal, wherever the reference
has a better one than 999. The table is checked by `tests/kernel/test_side_by_side.py`.

| what | reference | ours | why |
|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    sys.stdout.write(document())
