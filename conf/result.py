"""A CNI result as one internal value, read from every form that a prevResult or an IPAM plugin's answer can have.

Source: SPEC 1.1, section "Success", and the 0.2.0 and 0.4.0 result types of the CNI Go library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netaddr import IPAddress, IPNetwork

from conf.errors import InvalidNetworkConfig
from conf.ipam_config import Dns, Route
from conf.keys import fold_keys
from conf.scalars import parse_cidr, parse_ip
from conf.versions import FORMS, UNSTATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Interface:
    """An interface of a result; ``sandbox`` is "" on the host, ``others`` holds keys that we only pass on."""

    name: str
    mac: str = ""
    sandbox: str = ""
    mtu: int = 0
    others: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class ResultIp:
    """An address of a result; ``interface`` is an index into the interfaces, None in an IPAM plugin's answer."""

    address: IPNetwork
    gateway: IPAddress | None = None
    interface: int | None = None


@dataclass(frozen=True)
class Result:
    """What ADD answers, in no version's form."""

    interfaces: tuple[Interface, ...] = ()
    ips: tuple[ResultIp, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: Dns = field(default_factory=Dns)


def read_result(values: dict[str, Any], version: str, origin: str) -> Result:
    """Read a result of any version.

    ``version`` is that of the configuration and holds where the result does not state its own; ``origin`` names the
    result in messages ("prevResult"). Raises InvalidNetworkConfig.
    """
    stated = fold_keys(values, ["cniVersion"])[0].get("cniVersion") or version or UNSTATED
    if not isinstance(stated, str) or stated not in FORMS:
        raise InvalidNetworkConfig(
            f'could not parse {origin}: its "cniVersion" is {stated!r}', f"supported are {', '.join(FORMS)}"
        )
    try:
        return _read_old_form(values) if FORMS[stated] == "ip4-ip6" else _read_form(values)
    except (ValueError, TypeError) as error:
        raise InvalidNetworkConfig(f"could not parse {origin}: {error}", f"{origin} is {values!r}"[:400]) from error


def _read_form(values: dict[str, Any]) -> Result:
    known, _ = fold_keys(values, ["interfaces", "ips", "routes", "dns"])
    return Result(
        interfaces=tuple(_each(known, "interfaces", _interface)),
        ips=tuple(_each(known, "ips", _ip)),
        routes=tuple(_each(known, "routes", _route)),
        dns=_dns(known.get("dns", {})),
    )


def _read_old_form(values: dict[str, Any]) -> Result:
    known, _ = fold_keys(values, ["ip4", "ip6", "dns"])
    ips: list[ResultIp] = []
    routes: list[Route] = []
    for family in ("ip4", "ip6"):
        if family in known:
            part, _ = fold_keys(_object(known[family], family), ["ip", "gateway", "routes"])
            ips.append(_ip({"address": part.get("ip"), "gateway": part.get("gateway")}))
            routes += _each(part, "routes", _route)
    return Result(ips=tuple(ips), routes=tuple(routes), dns=_dns(known.get("dns", {})))


def _each(values: dict[str, Any], key: str, read: Callable[[dict[str, Any]], Any]) -> Iterable[Any]:
    entries = values.get(key, [])
    if not isinstance(entries, list):
        raise TypeError(f'"{key}" is not a list')
    return [read(_object(entry, key)) for entry in entries]


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f'"{where}" holds {value!r}, which is not an object')
    return value


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key, "")
    if not isinstance(value, str):
        raise TypeError(f'"{key}" is {value!r}, which is not a string')
    return value


def _number(values: dict[str, Any], key: str, bits: int = 32) -> int | None:
    value = values.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**bits):
        raise TypeError(f'"{key}" is {value!r}, which is not a number of {bits} bits')
    return value


def _interface(values: dict[str, Any]) -> Interface:
    known, others = fold_keys(values, ["name", "mac", "sandbox", "mtu"])
    return Interface(
        name=_text(known, "name"),
        mac=_text(known, "mac"),
        sandbox=_text(known, "sandbox"),
        mtu=_number(known, "mtu") or 0,
        others=tuple((key, values[key]) for key in others),
    )


def _ip(values: dict[str, Any]) -> ResultIp:
    known, _ = fold_keys(values, ["address", "gateway", "interface"])
    address, gateway = parse_cidr(known.get("address")), _optional_ip(known, "gateway")
    if gateway is not None and gateway.version != address.version:
        raise ValueError(f"address {address} has a gateway of the other family: {gateway}")
    return ResultIp(address, gateway, _index(known, "interface"))


def _index(values: dict[str, Any], key: str) -> int | None:
    """An index into a list; older plugins write -1 for none."""
    return None if values.get(key) == -1 else _number(values, key)


def _route(values: dict[str, Any]) -> Route:
    known, _ = fold_keys(values, ["dst", "gw", "mtu", "advmss", "priority", "table", "scope"])
    return Route(
        dst=parse_cidr(known.get("dst")),
        gw=_optional_ip(known, "gw"),
        mtu=_number(known, "mtu"),
        advmss=_number(known, "advmss"),
        priority=_number(known, "priority"),
        table=_number(known, "table"),
        scope=_number(known, "scope", 8),
    )


def _optional_ip(values: dict[str, Any], key: str) -> IPAddress | None:
    return parse_ip(values[key]) if values.get(key) else None


def _dns(values: object) -> Dns:
    known, _ = fold_keys(_object(values, "dns"), ["nameservers", "domain", "search", "options"])
    lists = {}
    for key in ("nameservers", "search", "options"):
        entries = known.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise TypeError(f'"dns.{key}" is not a list of strings')
        lists[key] = tuple(entries)
    return Dns(domain=_text(known, "domain"), **lists)
