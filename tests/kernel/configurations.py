"""The table of configurations that go through the reference plugins and through ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lan import GATEWAY4, GATEWAY6, SUBNET4, SUBNET6

Json = dict[str, Any]
MAC = "02:00:00:00:0a:0b"
KUBERNETES = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=9b1c"


@dataclass(frozen=True)
class Case:
    """One configuration and its circumstances.

    Attributes:
        ipam: the ``ipam`` object (a host-local one gets a dataDir); None for pure layer 2.
        keys: further keys of the network configuration; None takes a key away.
        args: CNI_ARGS of every verb.
        others: how many other containers are attached with the same configuration before.
        node, container: ``ip`` commands run in a namespace before ADD.
        delete: keys that differ at DEL.
        netns_at_delete: CNI_NETNS of DEL; None for ADD's.
        changed, node_changed: ``ip`` commands run in the container, in the node between ADD and CHECK.
        seen: keys of the result that CHECK gets otherwise than ADD gave them; None for no prevResult.
        every_verb: STATUS is called before ADD, and a GC for which nothing is valid before DEL.
        dad: duplicate address detection is on, and takes at least 2 s.
    """

    ipam: Json | None = None
    keys: Json = field(default_factory=dict)
    args: str = ""
    ifname: str = "net1"
    others: int = 0
    node: tuple[str, ...] = ()
    container: tuple[str, ...] = ()
    delete: Json = field(default_factory=dict)
    netns_at_delete: str | None = None
    changed: tuple[str, ...] = ()
    node_changed: tuple[str, ...] = ()
    seen: Json | None = field(default_factory=dict)
    every_verb: bool = False
    dad: bool = False


def pool(*subnets: str, **keys: Any) -> Json:  # noqa: ANN401 - whatever JSON takes
    return {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in subnets], **keys}


def static(*addresses: tuple[str, str | None], **keys: Any) -> Json:  # noqa: ANN401 - whatever JSON takes
    made = [{"address": address} | ({"gateway": gateway} if gateway else {}) for address, gateway in addresses]
    return {"type": "static", "addresses": made, **keys}


FOUR, SIX, BOTH = pool(SUBNET4), pool(SUBNET6), pool(SUBNET4, SUBNET6)
LAST = {"type": "host-local", "ranges": [[{"subnet": SUBNET4, "rangeStart": "10.9.0.20", "rangeEnd": "10.9.0.20"}]]}
DNS = {"nameservers": ["10.9.0.53"], "domain": "a.b", "search": ["a.b"], "options": ["ndots:1"]}
LATEST = {"cniVersion": "1.1.0"}
NO_DEFAULT = ("route del default via 10.9.0.1", "route del default via fd00:9::1")


def routed(*routes: Json) -> Json:
    return pool(SUBNET4, SUBNET6, routes=list(routes))


LINK = {f"mode {mode}": Case(FOUR, {"mode": mode}) for mode in ("bridge", "private", "vepa", "passthru", "")} | {
    "layer 2": Case(),
    "layer 2, empty ipam": Case({}),
    "mtu": Case(FOUR, {"mtu": 1400}),
    "mtu 0": Case(FOUR, {"mtu": 0}),
    "mac": Case(FOUR, {"mac": MAC}),
    "mac in upper case": Case(FOUR, {"mac": MAC.upper()}),
    "mac with dashes": Case(FOUR, {"mac": MAC.replace(":", "-")}),
    "mac of CNI_ARGS": Case(FOUR, {"mac": MAC}, args="IgnoreUnknown=1;MAC=02:00:00:00:00:77"),
    "mac of runtimeConfig": Case(FOUR, {"mac": MAC, "runtimeConfig": {"mac": "02:00:00:00:00:88"}}),
    "mac in passthru": Case(FOUR, {"mac": MAC, "mode": "passthru"}),
    "bcqueuelen": Case(FOUR, {"bcqueuelen": 2000}),
    "linkInContainer": Case(FOUR, {"linkInContainer": True}),
    "master of the default route": Case(FOUR, {"master": ""}),
    "no master key": Case(FOUR, {"master": None}),
    "master of the IPv6 default route": Case(FOUR, {"master": ""}, node=NO_DEFAULT[:1]),
    "multipath default route": Case(
        FOUR,
        {"master": ""},
        node=("route replace default nexthop via 10.9.0.1 dev eth0 nexthop via 10.9.0.7 dev eth0",),
    ),
    "mode source": Case(FOUR, {"mode": "source"}),
    "mtu of the master": Case(FOUR, {"mtu": 1500}),
    "linkInContainer with a master": Case(
        FOUR,
        {"linkInContainer": True, "mtu": 1300},
        container=("link add eth0 mtu 1400 type veth peer name other", "link set eth0 up", "link set other up"),
    ),
    "interface named eth0": Case(FOUR, ifname="eth0"),
    "master is down": Case(FOUR, node=("link set eth0 down",)),
}

ADDRESSES = {
    "IPv4": Case(FOUR),
    "IPv6": Case(SIX),
    "IPv6, duplicate address detection": Case(SIX, dad=True),
    "IPv6 without gateway, duplicate address detection": Case(static(("fd00:9::40/64", None)), dad=True),
    "dual stack": Case(BOTH),
    "two sets of a family": Case(pool("10.9.0.0/25", "10.9.0.128/25")),
    "second container": Case(BOTH, others=1),
    "single range form": Case({"type": "host-local", "subnet": SUBNET4, "rangeStart": "10.9.0.50"}),
    "single range form and ranges": Case(pool(SUBNET6, subnet=SUBNET4)),
    "two ranges in a set": Case(
        {"type": "host-local", "ranges": [[{"subnet": "10.9.1.0/30"}, {"subnet": "10.9.2.0/30"}]]}, others=1
    ),
    "gateway of the range": Case({"type": "host-local", "ranges": [[{"subnet": SUBNET4, "gateway": "10.9.0.2"}]]}),
    "static": Case(static(("10.9.0.40/24", GATEWAY4))),
    "static dual stack": Case(static(("10.9.0.40/24", GATEWAY4), ("fd00:9::40/64", GATEWAY6))),
    "static without gateway": Case(static(("10.9.0.40/24", None), routes=[{"dst": "10.44.0.0/16", "gw": "10.9.0.7"}])),
    "static, several of a family": Case(static(("10.9.0.40/24", None), ("10.9.0.41/24", None), ("192.0.2.1/32", None))),
    "static by runtimeConfig": Case(static(), {"runtimeConfig": {"ips": ["10.9.0.41/24"]}}),
    "static by runtimeConfig, with a gateway": Case(
        static(("10.9.0.40/24", GATEWAY4), routes=[{"dst": "0.0.0.0/0"}]), {"runtimeConfig": {"ips": ["10.9.0.41/24"]}}
    ),
    "static by runtimeConfig, of another network": Case(
        static(("10.9.0.40/24", GATEWAY4), routes=[{"dst": "0.0.0.0/0"}]), {"runtimeConfig": {"ips": ["192.0.2.5/24"]}}
    ),
    "static by args": Case(static(), {"args": {"cni": {"ips": ["10.9.0.41/24"]}}}),
    "static by CNI_ARGS": Case(static(), args="IgnoreUnknown=1;IP=10.9.0.41/24;GATEWAY=10.9.0.1"),
    "IP of CNI_ARGS": Case(FOUR, args="IgnoreUnknown=1;IP=10.9.0.41"),
    "IP of CNI_ARGS alone": Case(FOUR, args="IP=10.9.0.41"),
    "IPs of CNI_ARGS": Case(BOTH, args="IgnoreUnknown=1;IP=10.9.0.41,fd00:9::41"),
    "IPv4-mapped address": Case(static(("::ffff:10.9.0.40/120", None))),
    "ips of runtimeConfig": Case(BOTH, {"runtimeConfig": {"ips": ["10.9.0.41", "fd00:9::41/64"]}}),
    "ips of args": Case(BOTH, {"args": {"cni": {"ips": ["fd00:9::41"]}}}),
    "ipRanges of runtimeConfig": Case(FOUR, {"runtimeConfig": {"ipRanges": [[{"subnet": SUBNET6}]]}}),
}

ROUTES = {
    "default routes": Case(routed({"dst": "0.0.0.0/0"}, {"dst": "::/0"})),
    "route with gateway": Case(
        routed({"dst": "10.44.0.0/16", "gw": "10.9.0.7"}, {"dst": "fd44::/48", "gw": "fd00:9::7"})
    ),
    "route with priority": Case(routed({"dst": "10.44.0.0/16", "priority": 77})),
    "route with the largest priority": Case(routed({"dst": "10.44.0.0/16", "priority": 2**32 - 1})),
    "route with a negative priority": Case(routed({"dst": "10.44.0.0/16", "priority": -1})),
    "route with table": Case(routed({"dst": "10.44.0.0/16", "table": 101})),
    "route with mtu": Case(routed({"dst": "10.44.0.0/16", "mtu": 1400})),
    "routes without addresses of their family": Case(pool(SUBNET4, routes=[{"dst": "::/0", "gw": GATEWAY6}])),
    "static with default route": Case(static(("10.9.0.40/24", GATEWAY4), routes=[{"dst": "0.0.0.0/0"}])),
    "route of scope link": Case(routed({"dst": "224.0.0.0/4", "scope": 253})),
    "route of scope host": Case(routed({"dst": "10.44.0.0/16", "scope": 254})),
    "route with gateway 0.0.0.0": Case(routed({"dst": "224.0.0.0/4", "gw": "0.0.0.0"})),  # noqa: S104 - no gateway
    "default route by a host route": Case(
        static(
            ("198.51.100.10/32", None), routes=[{"dst": "203.0.113.1/32"}, {"dst": "0.0.0.0/0", "gw": "203.0.113.1"}]
        )
    ),
    "default route by a link-local gateway": Case(
        {"type": "host-local", "ranges": [[{"subnet": SUBNET6, "gateway": "fe80::1"}]], "routes": [{"dst": "::/0"}]}
    ),
    "default route by a link-local gateway of ipRanges": Case(
        pool(SUBNET4, routes=[{"dst": "::/0"}]),
        {"runtimeConfig": {"ipRanges": [[{"subnet": SUBNET6, "gateway": "fe80::1"}]]}},
    ),
    "gateway out of reach": Case(routed({"dst": "10.44.0.0/16", "gw": "172.31.0.1"})),
    "route without destination": Case(routed({"gw": "10.9.0.1"})),
    "route twice": Case(routed({"dst": "10.44.0.0/16"}, {"dst": "10.44.0.0/16"})),
    "route with advmss": Case(routed({"dst": "10.44.0.0/16", "advmss": 1000})),
    "no gateway at all": Case(static(("10.9.0.40/24", None), routes=[{"dst": "10.44.0.0/16"}])),
}

FORMS = {
    f"cniVersion {version}": Case(routed({"dst": "0.0.0.0/0"}, {"dst": "::/0"}), {"cniVersion": version, "dns": DNS})
    for version in ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0")
} | {
    "cniVersion 1.1.0": Case(routed({"dst": "0.0.0.0/0"}, {"dst": "::/0"}), LATEST | {"dns": DNS}, every_verb=True),
    "layer 2 of 1.1.0": Case(None, LATEST, every_verb=True),
    "no cniVersion": Case(BOTH, {"cniVersion": None}),
    "layer 2 of 0.4.0": Case(None, {"cniVersion": "0.4.0"}),
    "layer 2 of 0.2.0": Case(None, {"cniVersion": "0.2.0"}),
    "dns": Case(FOUR, {"dns": DNS}),
    "dns of static": Case(static(("10.9.0.40/24", None), dns=DNS)),
    "resolvConf missing": Case(pool(SUBNET4, resolvConf="/nonexistent/resolv.conf")),
    "resolvConf": Case(pool(SUBNET4, resolvConf=str(Path(__file__).with_name("resolv.conf")))),
    "other case of keys": Case(
        {"TYPE": "host-local", "Ranges": [[{"Subnet": SUBNET4, "RANGESTART": "10.9.0.60"}]]},
        {"master": None, "MASTER": "eth0", "Mode": "vepa", "MTU": 1400, "RuntimeConfig": {"Mac": MAC}},
    ),
    "nulls": Case(
        pool(SUBNET4, routes=None, resolvConf=None), {"mode": NotImplemented, "runtimeConfig": NotImplemented}
    ),
    "unknown keys": Case(pool(SUBNET4, colour="red"), {"shape": {"round": True}, "isGateway": True}),
    "CNI_ARGS of Kubernetes": Case(FOUR, args=KUBERNETES),
    "CNI_ARGS with a semicolon at the end": Case(FOUR, args=f"{KUBERNETES};"),
    "prevResult at ADD": Case(FOUR, {"prevResult": {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0"}]}}),
}

ERRORS = {
    "unknown master": Case(FOUR, {"master": "none0"}),
    "no default route": Case(FOUR, {"master": ""}, node=NO_DEFAULT),
    "master is lo": Case(FOUR, {"master": "lo"}),
    "unknown mode": Case(FOUR, {"mode": "nonsense"}),
    "mtu above the master's": Case(FOUR, {"mtu": 9000}),
    "negative mtu": Case(FOUR, {"mtu": -1}),
    "mtu below the kernel's least": Case(FOUR, {"mtu": 67}),
    "mtu below IPv6's least": Case(SIX, {"mtu": 1279}),
    "mtu is a string": Case(FOUR, {"mtu": "1400"}),
    "bad mac": Case(FOUR, {"mac": "zz:zz"}),
    "multicast mac": Case(FOUR, {"mac": "01:00:5e:00:00:01"}),
    "no name": Case(FOUR, {"name": None}),
    "bad name": Case(FOUR, {"name": "a/b"}),
    "unsupported cniVersion": Case(FOUR, {"cniVersion": "2.0.0"}),
    "interface exists": Case(FOUR, container=("link add net1 type veth peer name other",)),
    "interface name too long": Case(FOUR, ifname="x" * 16),
    "bad pair in CNI_ARGS": Case(FOUR, args="FOO"),
    "unknown key in CNI_ARGS": Case(FOUR, args="FOO=BAR"),
    "second passthru": Case(FOUR, {"mode": "passthru"}, others=1),
    "IPAM plugin missing": Case({"type": "no-such-plugin"}),
    "static without addresses": Case(static()),
    "static with a bare address": Case(static(("10.9.0.40", None))),
    "pool exhausted": Case(LAST, others=1),
    "address taken": Case(FOUR, {"runtimeConfig": {"ips": ["10.9.0.41"]}}, others=1),
    "address outside the ranges": Case(FOUR, {"args": {"cni": {"ips": ["10.77.0.1"]}}}),
    "address of the gateway": Case(FOUR, {"args": {"cni": {"ips": [GATEWAY4]}}}),
    "host bits": Case(pool("10.9.0.7/24")),
    "no ranges": Case({"type": "host-local"}),
    "subnet without prefix": Case(pool("10.9.0.0")),
    "sets overlap": Case(pool(SUBNET4, "10.9.0.0/25")),
    "start outside": Case({"type": "host-local", "ranges": [[{"subnet": SUBNET4, "rangeStart": "10.2.0.1"}]]}),
    "end outside": Case({"type": "host-local", "ranges": [[{"subnet": SUBNET4, "rangeEnd": "10.8.0.1"}]]}),
    "end before start": Case(
        {"type": "host-local", "ranges": [[{"subnet": SUBNET4, "rangeStart": "10.9.0.50", "rangeEnd": "10.9.0.40"}]]}
    ),
    "subnet of two addresses": Case(pool("10.9.0.4/31")),
    "gateway outside": Case({"type": "host-local", "ranges": [[{"subnet": SUBNET4, "gateway": "10.2.0.1"}]]}),
    "gateway of the other family": Case({"type": "host-local", "ranges": [[{"subnet": SUBNET4, "gateway": GATEWAY6}]]}),
    "families mixed": Case({"type": "host-local", "ranges": [[{"subnet": SUBNET4}, {"subnet": SUBNET6}]]}),
    "set is empty": Case({"type": "host-local", "ranges": [[]]}),
}

CHECKS = {
    "CHECK without prevResult": Case(FOUR, seen=None),
    "CHECK with a prevResult of another version": Case(FOUR, seen={"cniVersion": "0.4.0"}),
    "CHECK without the interface in prevResult": Case(FOUR, seen={"interfaces": []}),
    "CHECK without an address in prevResult": Case(FOUR, seen={"ips": []}),
    "CHECK without a static address in prevResult": Case(static(("10.9.0.40/24", None)), seen={"ips": []}),
    "CHECK of an address that was never there": Case(FOUR, seen={"ips": [{"address": "10.9.0.9/24", "interface": 0}]}),
    "CHECK of a lost address": Case(FOUR, changed=("addr flush dev net1",)),
    "CHECK of a lost interface": Case(FOUR, changed=("link del net1",)),
    "CHECK of a lost route": Case(routed({"dst": "10.44.0.0/16"}), changed=("route del 10.44.0.0/16",)),
    "CHECK of a route by another gateway": Case(
        routed({"dst": "0.0.0.0/0"}), changed=("route replace default via 10.9.0.9",)
    ),
    "CHECK of a veth": Case(FOUR, changed=("link del net1", "link add net1 type veth peer name other")),
    "CHECK of another mode": Case(FOUR, changed=("link set net1 type macvlan mode vepa",)),
    "CHECK of another mac": Case(FOUR, {"mac": MAC}, changed=("link set net1 address 02:00:00:00:00:99",)),
    "CHECK of another mtu": Case(FOUR, {"mtu": 1400}, changed=("link set net1 mtu 1300",)),
    "CHECK of an interface that is down": Case(FOUR, changed=("link set net1 down",)),
    "CHECK of layer 2 that is down": Case(changed=("link set net1 down",)),
    "CHECK with a master of a smaller mtu": Case(FOUR, {"mtu": 1400}, node_changed=("link set eth0 mtu 1300",)),
    "CHECK with a master that is down": Case(FOUR, node_changed=("link set eth0 down",)),
}

STATUS = {
    "STATUS without its master": Case(FOUR, LATEST | {"master": "none0"}, every_verb=True),
    "STATUS of an unknown mode": Case(FOUR, LATEST | {"mode": "nonsense"}, every_verb=True),
    "STATUS without the IPAM plugin": Case({"type": "no-such-plugin"}, LATEST, every_verb=True),
    "STATUS of a full range": Case(LAST, LATEST, others=1, every_verb=True),
}

DELETIONS = {
    "DEL without the IPAM plugin": Case(FOUR, delete={"ipam": {"type": "no-such-plugin"}}),
    "DEL with a broken range": Case(FOUR, delete={"ipam": pool("10.9.0.7/24")}),
    "DEL with another master": Case(FOUR, delete={"master": "none0", "mode": "nonsense"}),
    "DEL with another ipam.type": Case(FOUR, delete={"ipam": {"type": "static"}}),
    "DEL with another network name": Case(FOUR, delete={"name": "another"}),
    "DEL with a CNI_NETNS that is no namespace": Case(FOUR, netns_at_delete="/run"),
    "DEL without ipam": Case(FOUR, delete={"ipam": {}}),
    "DEL without CNI_NETNS": Case(BOTH, netns_at_delete=""),
    "DEL without CNI_NETNS, layer 2": Case(netns_at_delete=""),
    "DEL with a CNI_NETNS that is gone": Case(FOUR, netns_at_delete="/run/netns/none"),
}

CASES = LINK | ADDRESSES | ROUTES | FORMS | ERRORS | CHECKS | STATUS | DELETIONS
