"""Results and errors as the bytes that go to stdout, in the form of each cniVersion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conf.printable import shortened
from conf.versions import FIRST_VERSION_WITH_INTERFACE_MTU, FORMS, LATEST, SUPPORTED, at_least

if TYPE_CHECKING:
    from netaddr import IPAddress

    from conf.errors import CniError
    from conf.ipam_config import Dns, Route
    from conf.result import Interface, Result, ResultIp


def render_result(result: Result, version: str) -> bytes:
    """A successful ADD's answer; keys in the order in which CNI's Go library writes them."""
    form = FORMS[version]
    if form == "ip4-ip6":
        body = _old_form(result)
    else:
        with_version = form == "ips-with-version"
        with_mtu = at_least(version, FIRST_VERSION_WITH_INTERFACE_MTU)
        body = _present(
            interfaces=[_interface(interface, with_mtu=with_mtu) for interface in result.interfaces],
            ips=[_ip(ip, with_version=with_version) for ip in result.ips],
            routes=[_route(route) for route in result.routes],
        )
        if with_version or _dns(result.dns):
            body["dns"] = _dns(result.dns)
    return _encode({"cniVersion": version, **body}, sort=form == "ips")


def render_error(error: CniError, version: str) -> bytes:
    """An error's answer (SPEC 1.1, "Error"), its texts cut to a length; ``details`` is left out when there are none."""
    stated = version if version in SUPPORTED else LATEST
    body = {"cniVersion": stated, "code": error.code, "msg": shortened(error.msg)}
    body |= _present(details=shortened(error.details))
    return _encode(body, sort=False)


def render_versions(version: str) -> bytes:
    """VERSION's answer."""
    return json.dumps({"cniVersion": version, "supportedVersions": SUPPORTED}, separators=(",", ":")).encode() + b"\n"


def _encode(body: dict[str, Any], *, sort: bool) -> bytes:
    return json.dumps(body, indent=4, sort_keys=sort).encode()


def _present(**values: object) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _old_form(result: Result) -> dict[str, Any]:
    """Versions 0.1.0 and 0.2.0: the first address of each family, with the family's routes."""
    body: dict[str, Any] = {}
    for family, key in ((4, "ip4"), (6, "ip6")):
        ip = next((ip for ip in result.ips if ip.address.version == family), None)
        if ip is not None:
            routes = [
                {"dst": str(route.dst)} | _present(gw=_text(route.gw))
                for route in result.routes
                if route.dst.version == family
            ]
            body[key] = {"ip": str(ip.address)} | _present(gateway=_text(ip.gateway), routes=routes)
    return body | {"dns": _dns(result.dns)}


def _interface(interface: Interface, *, with_mtu: bool) -> dict[str, Any]:
    body = {"name": interface.name}
    body |= _present(mac=interface.mac, mtu=interface.mtu if with_mtu else 0, sandbox=interface.sandbox)
    return body | dict(interface.others)


def _ip(ip: ResultIp, *, with_version: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"version": str(ip.address.version)} if with_version else {}
    if ip.interface is not None:
        body["interface"] = ip.interface
    return body | {"address": str(ip.address)} | _present(gateway=_text(ip.gateway))


def _route(route: Route) -> dict[str, Any]:
    body: dict[str, Any] = {"dst": str(route.dst)} | _present(gw=_text(route.gw))
    body |= _present(mtu=route.mtu, advmss=route.advmss, priority=route.priority)
    return body | {key: value for key, value in (("table", route.table), ("scope", route.scope)) if value is not None}


def _text(address: IPAddress | None) -> str:
    return "" if address is None else str(address)  # 0.0.0.0 is false


def _dns(dns: Dns) -> dict[str, Any]:
    return _present(
        nameservers=list(dns.nameservers), domain=dns.domain, search=list(dns.search), options=list(dns.options)
    )
