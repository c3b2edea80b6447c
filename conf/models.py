"""What the JSON may look like: a pydantic model for every object of a network configuration.

Field names are ours, aliases are the JSON keys; the descriptions feed the key reference and the JSON schema.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from netaddr import IPAddress, IPNetwork
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, ValidationInfo, model_validator

from conf.errors import InvalidNetworkConfig, together
from conf.ipam_config import Dns
from conf.keys import UnknownKeys, fold_keys
from conf.scalars import parse_cidr, parse_ip, parse_ip_or_cidr, parse_mac, parse_network

Ip = Annotated[IPAddress, PlainValidator(parse_ip, json_schema_input_type=str)]
IpOrCidr = Annotated[IPAddress, PlainValidator(parse_ip_or_cidr, json_schema_input_type=str)]
Cidr = Annotated[IPNetwork, PlainValidator(parse_cidr, json_schema_input_type=str)]
# host-local takes no IPv4-mapped subnet: ipam.ranges says so
Subnet = Annotated[IPNetwork, PlainValidator(parse_network, json_schema_input_type=str)]
Mac = Annotated[str, PlainValidator(parse_mac, json_schema_input_type=str)]
Uint32 = Annotated[int, Field(ge=0, le=2**32 - 1)]
Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Item = TypeVar("Item")
Model = TypeVar("Model", bound="Keys")
# Of a list without a limit the findings alone would fill the memory; of a list of lists the first bad one is enough.
List = Annotated[list[Item], Field(max_length=4096)]
Lists = Annotated[list[List[Item]], Field(max_length=4096, fail_fast=True)]


def _ip_unless_empty(value: object) -> IPAddress | None:
    return None if value == "" else parse_ip(value)


def _networks_from(value: object) -> object:
    """Accept a single address where a network stands, as its /32 or /128."""
    return value if not isinstance(value, str) or "/" in value else str(IPNetwork(parse_ip(value)))


OptionalIp = Annotated[IPAddress | None, PlainValidator(_ip_unless_empty, json_schema_input_type=str)]
Excluded = Annotated[
    IPNetwork, PlainValidator(lambda value: parse_cidr(_networks_from(value)), json_schema_input_type=str)
]


class Keys(BaseModel):
    """An object whose keys are read as Go reads them; unknown ones go to the validation context's ``unknown``."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    where: ClassVar[str] = ""
    free_form: ClassVar[bool] = False

    @classmethod
    def known_keys(cls) -> list[str]:
        """The JSON keys of this object."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, values: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever the JSON holds here
        if not isinstance(values, dict):
            return values
        folded, unknown = fold_keys(values, cls.known_keys())
        if info.context is not None and not cls.free_form:
            info.context["unknown"].extend((cls.where, key, cls.known_keys()) for key in unknown)
        return folded


class RouteModel(Keys):
    """A route for the container."""

    where = "ipam.routes[]"

    dst: Cidr = Field(description="destination network")
    gw: OptionalIp = Field(None, description="next hop; default: the first gateway of its family")
    mtu: Uint32 | None = Field(None, description="path MTU of the route, in bytes")
    advmss: Uint32 | None = Field(None, description="MSS to advertise to the destination, in bytes")
    priority: Uint32 | None = Field(None, description="metric, lower wins")
    table: Uint32 | None = Field(None, description="routing table; default: main (254)")
    scope: Annotated[int, Field(ge=0, le=255)] | None = Field(None, description="rtnetlink scope; 253 is link")


class DnsModel(Keys):
    """DNS settings handed to the runtime."""

    where = "dns"

    nameservers: List[str] = Field([], description="name servers")
    domain: str = Field("", description="local domain")
    search: List[str] = Field([], description="search domains")
    options: List[str] = Field([], description="resolver options")

    def dns(self) -> Dns:
        """The plain value."""
        return Dns(tuple(self.nameservers), self.domain, tuple(self.search), tuple(self.options))


def _gateway(value: object) -> IPAddress | Literal["none"] | None:
    return "none" if value is False or value == "none" else _ip_unless_empty(value)


Gateway = Annotated[
    IPAddress | Literal["none"] | None, PlainValidator(_gateway, json_schema_input_type=str | Literal[False])
]


class RangeModel(Keys):
    """One range of addresses."""

    where = "ipam.ranges[][]"

    subnet: Subnet = Field(description="network that the addresses belong to")
    range_start: OptionalIp = Field(None, alias="rangeStart", description="first address; default: network + 1")
    range_end: OptionalIp = Field(None, alias="rangeEnd", description="last address; default: the last host address")
    gateway: Gateway = Field(
        None, description='gateway, never given away; default: network + 1; "none": the range has none'
    )
    exclude: List[Excluded] = Field([], description="addresses and networks that are never given")


class StaticAddressModel(Keys):
    """An address of the static role."""

    where = "ipam.addresses[]"

    address: str = Field(description="address with prefix length")
    gateway: OptionalIp = Field(None, description="gateway of the address")


class IpamModel(Keys):
    """The ``ipam`` object. Keys of other IPAM plugins are theirs to judge."""

    where = "ipam"
    free_form = True

    type: str = Field("", description='IPAM plugin; "" for none, "cni-macvlan-py" for the built-in pool')


class PoolModel(IpamModel):
    """The ``ipam`` object of the built-in pool and of host-local."""

    free_form = False

    subnet: Subnet | None = Field(None, description="single range: its network")
    range_start: OptionalIp = Field(None, alias="rangeStart", description="single range: first address")
    range_end: OptionalIp = Field(None, alias="rangeEnd", description="single range: last address")
    gateway: Gateway = Field(None, description="single range: gateway")
    exclude: List[Excluded] = Field([], description="single range: addresses that are never given")
    ranges: Lists[RangeModel] = Field([], description="range sets; one address is given from each set")
    routes: List[RouteModel] = Field([], description="routes for the container")
    dns: DnsModel = Field(default_factory=dict, validate_default=True, description="added to the network's dns")
    resolv_conf: str = Field("", alias="resolvConf", description="resolv.conf file whose content becomes DNS settings")
    data_dir: str = Field("", alias="dataDir", description="host-local: directory of the leases")


class StaticModel(IpamModel):
    """The ``ipam`` object of the static role."""

    free_form = False

    addresses: List[StaticAddressModel] = Field([], description="the addresses of the container")
    routes: List[RouteModel] = Field([], description="routes for the container")
    dns: DnsModel = Field(default_factory=dict, validate_default=True, description="added to the network's dns")


class RuntimeConfigModel(Keys):
    """What the runtime fills in for declared capabilities."""

    where = "runtimeConfig"
    free_form = True

    mac: str = Field("", description="MAC address (capability mac)")
    ips: List[str] = Field([], description="requested addresses (capability ips)")
    ip_ranges: Lists[RangeModel] = Field([], alias="ipRanges", description="range sets put before ipam.ranges")


class CniArgsModel(Keys):
    """``args.cni``."""

    where = "args.cni"
    free_form = True

    ips: List[str] = Field([], description="requested addresses")


class ArgsModel(Keys):
    """``args``."""

    where = "args"
    free_form = True

    cni: CniArgsModel = Field(default_factory=dict, validate_default=True, description="arguments by CNI's conventions")


class NetworkModel(Keys):
    """The network configuration."""

    cni_version: str = Field("", alias="cniVersion", description="version of the CNI specification")
    name: str = Field("", description="network name")
    type: str = Field("", description="file name of the plugin")
    master: str = Field("", description="parent interface; default: that of the default route")
    mode: str = Field("bridge", description="bridge, private, vepa, passthru or source")
    mtu: int = Field(0, description="MTU in bytes; 0: that of the master")
    mac: str = Field("", description="MAC address; default: random")
    link_in_container: bool = Field(
        default=False, alias="linkInContainer", description="look the master up inside the container's namespace"
    )
    bcqueuelen: Uint32 = Field(0, description="length of the broadcast queue in frames; 0: the kernel's default")
    bccutoff: Int32 | None = Field(None, description="how many receivers make a broadcast be queued; needs Linux 6.4")
    promisc: bool | None = Field(None, description="passthru: false leaves the master out of promiscuous mode")
    source_macs: List[Mac] = Field([], alias="sourceMacs", description="source: the MAC addresses let in")
    ipam: dict[str, Any] = Field({}, description="addresses; absent or without type: a pure layer 2 attachment")
    dns: DnsModel = Field(default_factory=dict, validate_default=True, description="DNS settings for the runtime")
    capabilities: dict[str, Any] = Field({}, description="capabilities that the runtime may fill in")
    runtime_config: RuntimeConfigModel = Field(
        RuntimeConfigModel(), alias="runtimeConfig", description="filled in by the runtime"
    )
    args: ArgsModel = Field(default_factory=dict, validate_default=True, description="filled in by the runtime")
    prev_result: dict[str, Any] | None = Field(None, alias="prevResult", description="filled in by the runtime")
    # accepted and not read: for the runtime alone
    ip_masq: Any = Field(None, alias="ipMasq", description="for other plugins; not read")
    disable_check: Any = Field(None, alias="disableCheck", description="for the runtime; not read")
    disable_gc: Any = Field(None, alias="disableGC", description="for the runtime; not read")
    attachments: Any = Field(None, alias="cni.dev/attachments", description="not read")
    valid_attachments: Any = Field(None, alias="cni.dev/valid-attachments", description="GC: what is to stay")


def validate(model: type[Model], values: dict[str, Any], where: str, unknown: UnknownKeys) -> Model:
    """The values as a model; ``where`` prefixes the keys in messages. Raises InvalidNetworkConfig (code 7)."""
    try:
        return model.model_validate(values, context={"unknown": unknown})
    except ValidationError as error:
        raise _invalid(error, where) from error


def _invalid(error: ValidationError, where: str) -> InvalidNetworkConfig:
    """Put pydantic's findings into one coded error: the first in the message, all of them in the details."""
    found = []
    for finding in error.errors(include_url=False, include_context=True):
        cause = finding.get("ctx", {}).get("error")
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in finding["loc"])
        key = where + path.lstrip(".")
        text = f'{cause or finding["msg"]}; mend "{key}", which is {_shorten(finding["input"])}'
        found.append(InvalidNetworkConfig(text, "the network configuration is not valid", key))
    return together(found)


def _shorten(value: object, limit: int = 80) -> str:
    return text if len(text := repr(value)) <= limit else text[: limit - 1] + "…"
