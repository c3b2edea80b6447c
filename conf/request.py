"""All that one call tells us merged into a Request; which source wins is decided here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conf import models
from conf.addresses import POOL, Dns
from conf.arguments import require_known, split_arguments
from conf.errors import CniError, InvalidNetworkConfig
from conf.keys import fold_keys
from conf.models import UnknownKeys, validate
from conf.network import LinkConfig
from conf.scalars import parse_mac

if TYPE_CHECKING:
    from conf.document import Document
    from conf.environment import Environment

VALID_ATTACHMENTS = "cni.dev/valid-attachments"


@dataclass(frozen=True)
class Request:
    """One call, understood, but for the ``ipam`` object, which is judged by whoever serves its type.

    ``ips`` are the addresses asked for by the runtime: first those of ``args.cni``, then those of ``runtimeConfig``.
    """

    environment: Environment
    document: Document
    type: str = ""
    link: LinkConfig = field(default_factory=LinkConfig)
    ipam: dict[str, Any] = field(default_factory=dict)
    ipam_type: str = ""
    dns: Dns = field(default_factory=Dns)
    prev_result: dict[str, Any] | None = None
    runtime: models.RuntimeConfigModel = field(default_factory=lambda: validate(models.RuntimeConfigModel, {}, "", []))
    args_ips: tuple[str, ...] = ()
    arguments: dict[str, str] = field(default_factory=dict)
    unknown_keys: UnknownKeys = field(default_factory=list)

    @property
    def network(self) -> str:
        """The network's name."""
        return self.document.network

    @property
    def version(self) -> str:
        """The configuration's cniVersion."""
        return self.document.version


def read_request(environment: Environment, document: Document) -> Request:
    """Validate the configuration of a call to the main plugin; raises InvalidNetworkConfig or InvalidEnvironment."""
    unknown: UnknownKeys = []
    network = validate(models.NetworkModel, document.values, "", unknown)
    ipam_type = _ipam_type(network.ipam)
    arguments = split_arguments(environment.args)
    require_known(arguments, {"MAC", "IP"} if ipam_type == POOL else {"MAC"})
    link = LinkConfig(
        master=network.master,
        mode=network.mode or "bridge",
        mtu=network.mtu,
        mac=_mac(network.runtime_config.mac, arguments.get("MAC", ""), network.mac),
        link_in_container=network.link_in_container,
        bcqueuelen=network.bcqueuelen,
        bccutoff=network.bccutoff,
        promisc=network.promisc is not False,
        source_macs=tuple(network.source_macs),
    )
    return Request(
        environment=environment,
        document=document,
        type=network.type,
        link=link,
        ipam=network.ipam,
        ipam_type=ipam_type,
        dns=network.dns.dns(),
        prev_result=network.prev_result,
        runtime=network.runtime_config,
        args_ips=tuple(network.args.cni.ips),
        arguments=arguments,
        unknown_keys=unknown,
    )


def read_ipam_request(environment: Environment, document: Document) -> Request:
    """Validate what concerns us of a call as IPAM plugin: the rest of the configuration is another plugin's."""
    values, _ = fold_keys(document.values, ["ipam", "runtimeConfig", "args", "prevResult", "type"])
    if "ipam" not in values:
        raise InvalidNetworkConfig("IPAM config missing 'ipam' key", 'set "ipam" in the network configuration')
    unknown: UnknownKeys = []
    network = validate(models.NetworkModel, values, "", unknown)
    return Request(
        environment=environment,
        document=document,
        type=network.type,
        ipam=network.ipam,
        ipam_type=_ipam_type(network.ipam),
        prev_result=network.prev_result,
        runtime=network.runtime_config,
        args_ips=tuple(network.args.cni.ips),
        arguments=split_arguments(environment.args),
        unknown_keys=unknown,
    )


def read_remains(environment: Environment, document: Document) -> Request:
    """As much of a configuration as DEL and GC need; never raises, for a bad value must not keep a link alive."""
    values, _ = fold_keys(document.values, ["type", "ipam"])
    ipam = values.get("ipam")
    ipam = ipam if isinstance(ipam, dict) else {}
    main_type = values.get("type")
    try:
        ipam_type = _ipam_type(ipam)
    except CniError:
        ipam_type = ""
    return Request(
        environment=environment,
        document=document,
        type=main_type if isinstance(main_type, str) else "",
        ipam=ipam,
        ipam_type=ipam_type,
    )


def read_valid_attachments(document: Document) -> frozenset[tuple[str, str]] | None:
    """GC's list of what is to stay, as (container id, ifname); None where the key is absent.

    A present ``null`` is Go's empty slice: nothing is valid. Raises InvalidNetworkConfig for another shape.
    """
    if VALID_ATTACHMENTS not in document.values:
        return None
    entries = document.values[VALID_ATTACHMENTS] or []
    if not isinstance(entries, list):
        raise InvalidNetworkConfig(f'"{VALID_ATTACHMENTS}" is {entries!r}; it has to be a list', "nothing was removed")
    return frozenset(_identity(entry) for entry in entries)


def _identity(entry: object) -> tuple[str, str]:
    names = fold_keys(entry, ["containerID", "ifname"])[0] if isinstance(entry, dict) else {}
    container_id, ifname = names.get("containerID"), names.get("ifname")
    if not (isinstance(container_id, str) and isinstance(ifname, str) and container_id and ifname):
        raise InvalidNetworkConfig(
            f'"{VALID_ATTACHMENTS}" holds {entry!r}; each entry needs "containerID" and "ifname"', "nothing was removed"
        )
    return container_id, ifname


def _ipam_type(ipam: dict[str, Any]) -> str:
    return validate(models.IpamModel, ipam, "ipam.", []).type


def _mac(runtime: str, argument: str, configured: str) -> str:
    """The MAC by precedence: the runtime's capability, then CNI_ARGS, then the configuration; "" for random."""
    for text, key in ((runtime, "runtimeConfig.mac"), (argument, "MAC in CNI_ARGS"), (configured, "mac")):
        if text:
            try:
                return parse_mac(text)
            except ValueError as error:
                raise InvalidNetworkConfig(
                    f"invalid args {text} for MAC addr: {error}; mend {key}", f"{key} is {text!r}"
                ) from error
    return ""
