"""The ``ipam`` object of the types that are served in process, with what the runtime asks for merged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf import models
from conf.arguments import require_known
from conf.document import remembering
from conf.errors import InvalidNetworkConfig
from conf.ipam_config import HOST_LOCAL, POOL, STATIC, IpamConfig, RangeConfig, Route, StaticAddress
from conf.keys import UnknownKeys, fold_keys
from conf.models import validate
from conf.scalars import parse_cidr, parse_ip, parse_ip_or_cidr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netaddr import IPAddress, IPNetwork

    from conf.document import Document
    from conf.request import Request

# host-local and static know only these in CNI_ARGS; the pool is called together with the main plugin, which takes MAC.
KNOWN_ARGUMENTS = {POOL: {"MAC", "IP"}, HOST_LOCAL: {"IP"}, STATIC: {"IP", "GATEWAY"}}

MOST_RANGES = 2048  # each is compared with each other


def read_ipam(request: Request) -> IpamConfig:
    """The ``ipam`` object of a type that is served in process, with what the runtime asked for merged in.

    Unknown keys are added to the request's. Raises InvalidNetworkConfig or InvalidEnvironment.
    """
    require_known(request.arguments, KNOWN_ARGUMENTS[request.ipam_type])
    unknown = request.unknown_keys
    return _static_config(request, unknown) if request.ipam_type == STATIC else _pool_config(request, unknown)


def _pool_config(request: Request, unknown: UnknownKeys) -> IpamConfig:
    model, found = _judge_pool(request.document)
    unknown += found
    for key, path in (("dataDir", model.data_dir), ("resolvConf", model.resolv_conf)):
        if path and not path.startswith("/"):
            raise InvalidNetworkConfig(
                f'"ipam.{key}" is "{path}", which is not an absolute path; begin it with /',
                "it would be another file for each place that a call is served from",
                f"ipam.{key}",
            )
    configured = ranges_of(request.document)
    runtime = _placed("runtimeConfig.ipRanges", request.runtime_ranges)
    sets = (*runtime, *configured) if runtime else configured
    if (count := sum(map(len, sets))) > MOST_RANGES:
        raise InvalidNetworkConfig(
            f'"ipam.ranges" has {count} ranges, more than {MOST_RANGES}; join some',
            "those of runtimeConfig.ipRanges are counted",
            "ipam.ranges",
        )
    return IpamConfig(
        type=request.ipam_type,
        ranges=sets,
        requested=tuple(_requested(request)),
        routes=_routes(model.routes),
        dns=model.dns.dns(),
        resolv_conf=model.resolv_conf,
        data_dir=model.data_dir or IpamConfig.data_dir,
    )


@remembering
def _judge_pool(document: Document) -> tuple[models.PoolModel, UnknownKeys]:
    """The pool's model."""
    unknown: UnknownKeys = []
    values = fold_keys(document.values, ["ipam"])[0]["ipam"]
    return validate(models.PoolModel, values, "ipam.", unknown), unknown


@remembering
def ranges_of(document: Document) -> tuple[tuple[RangeConfig, ...], ...]:
    """The ranges of a pool that was found valid, without those that the runtime asks for."""
    model, _ = _judge_pool(document)
    sets = []
    if model.subnet is not None:
        single = {"subnet", "range_start", "range_end", "gateway", "exclude"}
        only = models.RangeModel.model_construct(**{name: getattr(model, name) for name in single})
        sets.append((_range(only, "ipam"),))
    return tuple(sets + _placed("ipam.ranges", model.ranges))


def _static_config(request: Request, unknown: UnknownKeys) -> IpamConfig:
    model = validate(models.StaticModel, request.ipam, "ipam.", unknown)
    addresses = []
    for index, configured in enumerate(model.addresses):
        try:
            address = parse_cidr(configured.address)
        except ValueError as error:
            raise InvalidNetworkConfig(
                f"the 'address' field is expected to be in CIDR notation, got: '{configured.address}'; "
                'write "ipam.addresses[].address" as in 10.1.0.5/24',
                str(error),
                f"ipam.addresses[{index}].address",
            ) from error
        try:
            addresses.append(StaticAddress(address, configured.gateway))
        except ValueError as error:
            raise InvalidNetworkConfig(
                f'{error}; mend "ipam.addresses[].gateway"',
                "a gateway is reached over its address's network",
                f"ipam.addresses[{index}].gateway",
            ) from error
    addresses += _static_arguments(request.arguments, addresses)
    known = addresses
    for source in (request.args_ips, request.runtime_ips):
        if source:
            requested = [_static_ip(text) for text in source]
            addresses = [StaticAddress(each, _gateway_of(each, known)) for each in requested]
    return IpamConfig(type=STATIC, addresses=tuple(addresses), routes=_routes(model.routes), dns=model.dns.dns())


def _static_arguments(arguments: dict[str, str], configured: Sequence[StaticAddress]) -> Iterable[StaticAddress]:
    """``IP=`` of CNI_ARGS, each with the ``GATEWAY=`` that lies in its network, else with the configured gateway."""
    gateways = []
    for text in _listed(arguments, "GATEWAY"):
        try:
            gateways.append(parse_ip(text))
        except ValueError as error:
            raise InvalidNetworkConfig(
                f"invalid gateway address: {text}; mend GATEWAY in CNI_ARGS", str(error)
            ) from error
    for text in _listed(arguments, "IP"):
        try:
            address = parse_cidr(text)
        except ValueError as error:
            raise InvalidNetworkConfig(
                f"the 'ip' field is expected to be in CIDR notation, got: '{text}'; mend IP in CNI_ARGS", str(error)
            ) from error
        yield StaticAddress(address, next((g for g in gateways if g in address), _gateway_of(address, configured)))


def _gateway_of(requested: IPNetwork, known: Sequence[StaticAddress]) -> IPAddress | None:
    """The gateway of the first known address whose network has the requested one."""
    near = (each.gateway for each in known if requested.ip in each.address.cidr)
    return next((gateway for gateway in near if gateway is not None), None)


def _listed(arguments: dict[str, str], key: str) -> list[str]:
    return [text.strip() for text in arguments.get(key, "").split(",") if text.strip()]


def _static_ip(text: str) -> IPNetwork:
    try:
        return parse_cidr(text)
    except ValueError as error:
        raise InvalidNetworkConfig(
            f"an entry in the 'ips' field is NOT in CIDR notation, got: '{text}'; "
            "the static role needs the prefix length, as in 10.1.0.5/24",
            str(error),
        ) from error


def _requested(request: Request) -> Iterable[IPAddress]:
    """The addresses that the runtime asks for; host-local adds up all three ways of asking, and so do we."""
    place = f'ARGS: error parsing value of pair "IP={request.arguments.get("IP", "")}": '
    wishes = [(text, place) for text in _listed(request.arguments, "IP")]
    wishes += [(text, "") for text in (*request.args_ips, *request.runtime_ips)]
    seen = []
    for text, place in wishes:
        try:
            address = parse_ip_or_cidr(text)
        except ValueError as error:
            raise InvalidNetworkConfig(
                f"{place}invalid IP address {text}; write requested addresses as 10.1.0.5 or 10.1.0.5/24", str(error)
            ) from error
        if address not in seen:
            seen.append(address)
    return seen


def _placed(where: str, sets: Sequence[Sequence[models.RangeModel]]) -> list[tuple[RangeConfig, ...]]:
    """Range sets, each range of which knows where in the configuration it stands."""
    return [
        tuple(_range(model, f"{where}[{index}][{number}]") for number, model in enumerate(alternatives))
        for index, alternatives in enumerate(sets)
    ]


def _range(model: models.RangeModel, where: str) -> RangeConfig:
    no_gateway = model.gateway == "none"
    return RangeConfig(
        subnet=model.subnet,
        range_start=model.range_start,
        range_end=model.range_end,
        gateway=None if no_gateway else model.gateway,
        no_gateway=no_gateway,
        exclude=tuple(model.exclude),
        where=where,
    )


def _routes(routes: Sequence[models.RouteModel]) -> tuple[Route, ...]:
    return tuple(_route(model, f"ipam.routes[{number}]") for number, model in enumerate(routes))


def _route(model: models.RouteModel, where: str) -> Route:
    try:
        return Route(**{key: getattr(model, key) for key in models.RouteModel.model_fields})
    except ValueError as error:
        raise InvalidNetworkConfig(f'{error}; mend "{where}"', "the kernel would refuse the route", where) from error
