"""What an ``ipam`` object says, as values: ranges, static addresses, routes, DNS and the choice of store."""

from __future__ import annotations

from dataclasses import dataclass, field

from netaddr import IPAddress, IPNetwork

# the values of ipam.type that this plugin serves itself
POOL = "cni-macvlan-py"
HOST_LOCAL = "host-local"
STATIC = "static"
BUILT_IN = (POOL, HOST_LOCAL, STATIC)
IPV4, IPV6 = 4, 6


SCOPE_LINK, SCOPE_HOST, SCOPE_NOWHERE = 253, 254, 255
"""Scopes of a route (linux/rtnetlink.h), which mean something in IPv4 alone: the wider, the smaller."""


@dataclass(frozen=True)
class Route:
    """A route of the result (SPEC 1.1, "Success"); unset keys are None."""

    dst: IPNetwork
    gw: IPAddress | None = None
    mtu: int | None = None
    advmss: int | None = None
    priority: int | None = None
    table: int | None = None
    scope: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a next hop of the other family, and for a scope that no kernel takes with the rest."""
        if self.gw is not None and self.gw.version != self.dst.version:
            raise ValueError(f"route to {self.dst} has a gateway of the other family: {self.gw}")
        if self.dst.version != IPV4 or self.scope is None or self.scope < SCOPE_HOST:
            return
        if self.scope == SCOPE_NOWHERE:
            raise ValueError(f"route to {self.dst} has scope {SCOPE_NOWHERE}, which no route has")
        if self.gw is not None and self.gw.value:
            raise ValueError(f"route to {self.dst} has scope {SCOPE_HOST}, and no gateway goes with that: {self.gw}")


@dataclass(frozen=True)
class Dns:
    """DNS settings for the runtime (SPEC 1.1, "dns")."""

    nameservers: tuple[str, ...] = ()
    domain: str = ""
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def merged(self, other: Dns) -> Dns:
        """These settings with another's behind them, nothing twice; this domain wins."""
        return Dns(
            nameservers=tuple(dict.fromkeys(self.nameservers + other.nameservers)),
            domain=self.domain or other.domain,
            search=tuple(dict.fromkeys(self.search + other.search)),
            options=tuple(dict.fromkeys(self.options + other.options)),
        )


@dataclass(frozen=True)
class RangeConfig:
    """One range as written: a subnet and optional narrower bounds, both inclusive.

    ``gateway`` None means "the subnet's first host address"; ``no_gateway`` means that the range has none.
    ``exclude`` lists networks (single addresses are /32 or /128) that are never given; ``where`` is the range's place
    in the configuration, for messages.
    """

    subnet: IPNetwork
    range_start: IPAddress | None = None
    range_end: IPAddress | None = None
    gateway: IPAddress | None = None
    no_gateway: bool = False
    exclude: tuple[IPNetwork, ...] = ()
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class StaticAddress:
    """An address of the ``static`` role with its prefix length."""

    address: IPNetwork
    gateway: IPAddress | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a gateway of the other family."""
        if self.gateway is not None and self.gateway.version != self.address.version:
            raise ValueError(f"address {self.address} has a gateway of the other family: {self.gateway}")


@dataclass(frozen=True)
class IpamConfig:
    """The ``ipam`` object with what the runtime asked for merged in.

    ``ranges`` holds range sets, each a tuple of alternatives; ``requested`` the addresses that the runtime wants,
    in order; ``data_dir`` the directory of the host-local format.
    """

    type: str
    ranges: tuple[tuple[RangeConfig, ...], ...] = ()
    requested: tuple[IPAddress, ...] = ()
    addresses: tuple[StaticAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: Dns = field(default_factory=Dns)
    resolv_conf: str = ""
    data_dir: str = "/var/lib/cni/networks"
