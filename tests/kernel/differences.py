"""Every difference between the reference plugins and ours that the configurations show, with its reason.

The source of docs/differences.md: ``python -m tests.kernel.differences > docs/differences.md``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tests.kernel.difference import AS_OURS, Difference, both, of, since
from tests.kernel.groups import (
    BROKEN_AT_DEL,
    IN_OTHER_WORDS,
    LATE_FAILURES,
    NEVER_READ_AT_DEL,
    NOT_READ_AT_DEL,
    OF_LATEST,
    ROUTE_KEYS,
)
from tests.reference import NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS = "Supported versions"


DIFFERENCES = [
    both(
        "Failed ADD", 'the interface stays in the container and the next ADD fails with "file exists"',
        "nothing stays: no interface, no lease, no route",
        "the specification asks the plugin to clean up after itself; a retry has to be possible",
        shown={"left by ADD": LATE_FAILURES},
    ),
    both(
        "CNI_NETNS that is the node's own namespace",
        "the interface is made on the node and an address is taken, then the answer is code 8",
        "is refused with code 8 before anything is made", "a refused call leaves nothing",
        test="test_the_nodes_own_namespace_is_refused_before_any_effect",
    ),
    both(
        "Layer 2 attachment at 0.1.0 and 0.2.0", "fails with 999 and leaves the interface",
        "is made; the result has no addresses",
        "the old form of a result has no place for an interface, and needs none",
        shown={"ADD": of("layer 2 of 0.2.0")},
    ),
    both(
        "Default route with several next hops, and no `master`", 'fails with "invalid argument"',
        "the interface of the first next hop is the master", "it is one of the interfaces that lead out of the node",
        shown={"ADD": of("multipath default route")},
    ),
    both(
        "`CNI_ARGS` with an empty pair, as after a `;` at the end", "ADD, CHECK and DEL fail", "is passed over",
        "no pair is missing", shown={"ADD": of("CNI_ARGS with a semicolon at the end")},
    ),
    both(
        "`mode` of `source`", "is refused", "is made", "the kernel has it", shown={"ADD": of("mode source")},
    ),
    both(
        "IPv6 address without a gateway", "ADD does not wait for duplicate address detection: the address cannot be "
        "used for 1 to 2 s after the answer, and stays unusable if it is a duplicate (ADD: 30 ms)",
        "ADD waits, as with a gateway, and fails if it is a duplicate (ADD: 1.1 to 1.8 s)",
        "the address of a success can be used",
        shown={"addresses": of("IPv6 without gateway, duplicate address detection")},
    ),
    both(
        "IPv6 address with a gateway, and a master without carrier", "ADD waits 5 s, then succeeds",
        "ADD succeeds at once", "duplicate address detection begins when there is a carrier",
        test="test_the_reference_waits_without_a_carrier",
    ),
    Difference(
        VERSIONS, "0.1.0 to 1.0.0", AS_OURS, "0.1.0 to 1.1.0", "1.1.0 brings STATUS and GC",
        {"ADD": OF_LATEST | {"unsupported cniVersion"}, "DEL": OF_LATEST | {"unsupported cniVersion"},
         "STATUS": OF_LATEST}, releases=(OLD,),
    ),
    Difference(
        "`mtu` of the interface in results of 1.1.0", "has no 1.1.0", "is not there", "is there",
        "the version has it, and a plugin that comes later in the chain may need it",
        {"result.interfaces": of("cniVersion 1.1.0", "layer 2 of 1.1.0")}, releases=(NEW,),
    ),
    Difference(
        "STATUS", "is not known", "asks the IPAM plugin alone", "fails as well where no ADD could succeed: "
        "code 50 without the master, 7 for a configuration that is not valid",
        "a runtime asks it to learn whether a pod can have its network",
        {"STATUS": of("STATUS without its master", "STATUS of an unknown mode")}, releases=(NEW,),
    ),
    Difference(
        "GC", "is not known", "succeeds and does nothing, and the IPAM plugin is not asked",
        "removes interfaces and leases of what is not valid any more, and asks the IPAM plugin", "it is what GC is for",
        {"left by GC": of("cniVersion 1.1.0", "layer 2 of 1.1.0", "STATUS of a full range",
                          "STATUS without the IPAM plugin")}, releases=(NEW,),
    ),
    Difference(
        "`cniVersion` in the answer to VERSION", "1.0.0, its latest", "1.1.0, its latest", "that of the request",
        "the specification", test="test_version_answers",
    ),
    both(
        "CNI_PATH", "has to be there", "has to be there if a plugin is to be executed",
        "the specification: DEL needs container and interface alone", test="test_malformed_requests",
    ),
    both(
        "Order at DEL", "the address is released before the interface is removed", "the interface is removed first",
        "an address that is free must not be in use", test="test_the_order_of_a_deletion",
    ),
    since(
        "DEL with a master, MTU or CNI_ARGS that ADD would refuse", "fails", "succeeds",
        "DEL is to complete even if the configuration or the master has changed since",
        shown={"DEL": NOT_READ_AT_DEL,
               "left by DEL": of("DEL with another master", "CHECK with a master of a smaller mtu")},
    ),
    both(
        "DEL with keys of a wrong type, or CNI_ARGS that cannot be read", "fails", "succeeds",
        "DEL is to complete whatever the configuration says", shown={"DEL": NEVER_READ_AT_DEL},
    ),
    both(
        "DEL with a broken `ipam` object", "fails and leaves the interface",
        "removes the interface, and the leases as far as their place is known",
        "a container that cannot be removed is worse than an address that GC finds later",
        shown={"DEL": BROKEN_AT_DEL, "left by DEL": BROKEN_AT_DEL},
    ),
    both(
        "DEL with another network name than ADD's, another `ipam` object or none", "the lease stays",
        "what ADD recorded is released", "a lease that no DEL can find is lost",
        shown={"left by DEL": of("DEL without ipam", "DEL with another ipam.type", "DEL with another network name")},
    ),
    both(
        "DEL with a CNI_NETNS that is no namespace", "fails", "succeeds", "the container is gone",
        shown={"DEL": of("DEL with a CNI_NETNS that is no namespace")},
    ),
    both(
        "DEL without CNI_NETNS, or with one that leads nowhere",
        "releases the lease and leaves the interface, wherever it is",
        "removes the interface from the namespace that ADD recorded, if that is still there",
        "an address that is free must not be in use",
        shown={"left by DEL": of("DEL without CNI_NETNS", "DEL without CNI_NETNS, layer 2",
                                 "DEL with a CNI_NETNS that is gone", "DEL with a CNI_NETNS that is no namespace")},
    ),
    both(
        "DEL of an interface that is not ours", "deletes whatever has the name", "leaves what is no macvlan",
        "the name may belong to another plugin's interface",
        shown={"left by DEL": of("interface exists", "CHECK of a veth")},
    ),
    both(
        "`prevResult` at ADD", "is dropped", "its interfaces, addresses and routes come first in the result",
        "the specification: a chained plugin must pass the previous result on",
        shown={"result.interfaces": of("prevResult at ADD"), "result.ips": of("prevResult at ADD")},
    ),
    both(
        "A relative `ipam.dataDir` or `ipam.resolvConf`", "is sought where the runtime stands", "code 7",
        "it would be two directories, for an agent and for a call without one, and so one address twice",
        test="test_a_relative_directory_is_no_place_for_leases",
    ),
    both(
        "DNS of the IPAM plugin (`ipam.dns`, `resolvConf`)", "never reaches the runtime", "is part of the result",
        "the keys are there to be answered; DNS of the network configuration goes first",
        shown={f"result.dns.{key}": of("dns of static", "resolvConf")
               for key in ("nameservers", "domain", "search", "options")},
    ),
    both(
        "Address requested of `static` (`ips`)", "has no gateway",
        "has the gateway of the configured address in whose network it lies, and none in another network",
        "a default route needs it",
        shown=dict.fromkeys(("result.ips", "routes"), of("static by runtimeConfig, with a gateway")),
    ),
    both(
        "Gateway of a range that is of the other family", "is taken", "is refused", "no route could go by it",
        shown={"ADD": of("gateway of the other family")},
    ),
    since("Empty DNS in results of 1.0.0", '`"dns": {}`', "no key", "there is nothing to say",
          everywhere={"result.dns": (None, {})}),
    since(
        "Route keys `mtu`, `advmss`, `priority`, `table`, `scope`", "are ignored",
        "are in the result and in the kernel, and CHECK looks for them", "they are part of the specification",
        shown={"result.routes": ROUTE_KEYS, "routes": ROUTE_KEYS - of("route with mtu", "route with advmss"),
               "CHECK": ROUTE_KEYS - of("route with table")},
    ),
    Difference(
        "Route keys `mtu` and `advmss` in the kernel", "are ignored", "are in the result alone", "are there",
        "what the result says is so in the container", {"routes": of("route with mtu", "route with advmss")},
    ),
    both(
        "IPv4 routes without a next hop", "have scope global", "have scope link, and are made first",
        "other next hops are found by routes of scope link alone",
        shown={"routes": of("no gateway at all", "route with gateway 0.0.0.0",
                            "static by runtimeConfig, of another network"),
               "ADD": of("default route by a host route")},
    ),
    Difference(
        "IPv4 route of `scope` 253 (link) or 254 (host), and a gateway", "is made by way of the gateway",
        "ADD fails, for a route of this scope by way of the gateway", "gets no gateway",
        "what is on the link needs none", {"ADD": of("route of scope link", "route of scope host")}, releases=(NEW,),
    ),
    Difference(
        "Numbers of a route that the kernel has no place for, such as a `priority` of -1", "are ignored",
        "are taken, and cut", "code 7", "the route would be another than the one that was asked for",
        {"ADD": of("route with a negative priority")},
    ),
    both("CHECK of a route with `gw` 0.0.0.0", "fails right after ADD", "passes", "0.0.0.0 is no gateway",
         shown={"CHECK": of("route with gateway 0.0.0.0")}),
    both(
        "`IP` of `CNI_ARGS` with several addresses", "ADD, CHECK and DEL fail", "all are requested",
        "Multus writes both addresses of a pod so",
        shown=dict.fromkeys(("ADD", "DEL", "left by DEL"), of("IPs of CNI_ARGS")),
    ),
    both(
        "`mac` in `passthru`", "is ignored", "the master has it as well, until the interface goes",
        "what was asked for is so, and the kernel puts the master's own back",
        shown=dict.fromkeys(("link.address", "result.interfaces"), of("mac in passthru")),
    ),
    both("CHECK of a route with `table`", "fails right after ADD", "passes", "the route is in its table",
         shown={"CHECK": of("route with table")}),
    both(
        "CHECK of an address that fills its network (/32)", "fails right after ADD",
        "passes", "the kernel makes no network route for such an address",
        shown={"CHECK": of("static, several of a family")},
    ),
    both(
        "CHECK of what has changed since ADD", "passes with another gateway of the default route, another MTU than the "
        "configured one, a layer 2 interface that is down, a `static` address that prevResult lacks", "fails",
        "the container does not have what ADD promised",
        shown={"CHECK": of("CHECK of a route by another gateway", "CHECK of another mtu",
                           "CHECK of layer 2 that is down", "CHECK without a static address in prevResult")},
    ),
    both(
        "CHECK after the master's MTU was made smaller", "fails", "passes",
        "the kernel made the interface's smaller too, and the container is attached as well as it can be",
        shown={"CHECK": of("CHECK with a master of a smaller mtu")},
    ),
    both(
        "CHECK with a prevResult of another version (0.4.0 for 1.0.0)", "fails", "passes",
        "its fields can be read", shown={"CHECK": of("CHECK with a prevResult of another version")},
    ),
    both(
        "Subnets of one and two addresses (/31, /32, /127, /128)", "are refused as too small; DEL fails as well",
        "all their addresses are given", "point-to-point links and single addresses have no broadcast (RFC 3021)",
        shown=dict.fromkeys(("ADD", "DEL", "left by DEL"), of("subnet of two addresses")),
    ),
    since("`bcqueuelen`", "is ignored", "sets the length of the broadcast queue", "it was asked for",
          shown={f"link.linkinfo.info_data.{key}": of("bcqueuelen") for key in ("bcqueuelen", "usedbcqueuelen")}),
    since(
        "`linkInContainer`", "is ignored, and the node's master is used", "the master is looked up in the container",
        "it was asked for",
        shown={"ADD": of("linkInContainer"), "link.link": of("linkInContainer with a master")},
    ),
    both(
        "Length of the transmit queue", "0", "the kernel's default",
        "nobody asked for 0; a queueing discipline that is added later needs a length",
        everywhere={"link.txqlen": (1000, None)},
    ),
    since(
        "Unsolicited neighbour advertisements (`ndisc_notify`)", "off", "on",
        "neighbours forget the old MAC of an address at once, as with IPv4",
        everywhere={"sysctls.ipv6/conf/IF/ndisc_notify": ("1", "0")},
    ),
    both(
        "IPv6 of a container's loopback, where it is off", "is switched on for an IPv6 address, and stays on",
        "is switched on, and off again behind the last IPv6 address", "DEL leaves the container as ADD found it",
        test="test_ipv6_of_the_loopback_is_off_again_behind_the_last_attachment",
    ),
    since(
        "IPv6 addresses of an interface that goes down (`keep_addr_on_down`)", "are lost", "stay",
        "as IPv4 addresses do", everywhere={"sysctls.ipv6/conf/IF/keep_addr_on_down": ("1", "0")},
    ),
    both(
        "Words of errors about stdin that is no JSON", "Go's, without a place",
        "Python's, with line, column and offset, behind the same first words", "each has a parser of its own",
        test="test_broken_json_is_refused_in_other_words",
    ),
    both(
        "Words of errors", "Go's, often without the name of what is wrong",
        "key, value and cure; the reference's own words come first wherever they say something",
        "an error should tell what to change",
        shown={"ADD": IN_OTHER_WORDS,
               "CHECK": of("CHECK of a lost route", "CHECK of an interface that is down",
                           "CHECK without the interface in prevResult")},
    ),
]  # fmt: skip


def unexpected(release: str, name: str, found: Mapping[str, tuple[Any, Any]]) -> dict[str, object]:
    """What no difference explains: fields that differ, with both values, and fields that should and do not."""
    known = [each for each in DIFFERENCES if release in each.releases]
    if release == OLD and name in OF_LATEST:
        known = [each for each in known if each.title == VERSIONS]
    expected = {key for each in known for key, names in each.shown.items() if name in names}
    anywhere = {key: values for each in known for key, values in each.everywhere.items()}
    surprises = {key: values for key, values in found.items() if key not in expected and anywhere.get(key) != values}
    return surprises | dict.fromkeys(expected - found.keys(), "does not differ")


def document() -> str:
    """The text of docs/differences.md."""
    rows = "\n".join(known.row() for known in DIFFERENCES)
    return f"""\
# Differences from the reference plugins

The same configurations go through the reference plugins (`macvlan`, `host-local` and `static`) and through ours, each
on a LAN of its own, and that with two releases of the reference: {OLD}, which Debian 12 and 13 and Ubuntu ship, and
{NEW}, which runtimes ship today. Interface, addresses, routes, sysctls, result, leases, STATUS, CHECK, GC and DEL are
equal, except for what is listed here. Error codes are also equal, wherever the reference has a better one than 999.
The table is checked by `tests/kernel/test_side_by_side.py`.

| what | reference {OLD} | reference {NEW} | ours | why |
|---|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    sys.stdout.write(document())
