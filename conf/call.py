"""What ADD, CHECK and STATUS get: a configuration all of which is valid, with what the runtime asks for merged in.

Which of several sources wins is decided here, and for addresses in ``conf.ipam``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf import models
from conf.arguments import require_known, split_arguments
from conf.document import remembering
from conf.errors import InvalidNetworkConfig
from conf.ipam_config import POOL
from conf.keys import UnknownKeys, fold_keys
from conf.link_config import LinkConfig
from conf.models import validate
from conf.request import Request
from conf.scalars import parse_mac

if TYPE_CHECKING:
    from conf.document import Document
    from conf.environment import Environment


def read_request(environment: Environment, document: Document) -> Request:
    """Validate the configuration of a call to the main plugin; raises InvalidNetworkConfig or InvalidEnvironment."""
    network, unknown = _judge(document)
    ipam_type = validate(models.IpamModel, network.ipam, "ipam.", []).type
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
        link=link,
        ipam=network.ipam,
        ipam_type=ipam_type,
        dns=network.dns.dns(),
        prev_result=network.prev_result,
        args_ips=tuple(network.args.cni.ips),
        runtime_ips=tuple(network.runtime_config.ips),
        runtime_ranges=tuple(network.runtime_config.ip_ranges),
        arguments=arguments,
        unknown_keys=[*unknown],
    )


@remembering
def _judge(document: Document) -> tuple[models.NetworkModel, UnknownKeys]:
    """The network's model."""
    unknown: UnknownKeys = []
    return validate(models.NetworkModel, document.values, "", unknown), unknown


def read_ipam_request(environment: Environment, document: Document) -> Request:
    """Validate what concerns us of a call as IPAM plugin: the rest of the configuration is another plugin's."""
    values, _ = fold_keys(document.values, ["ipam", "runtimeConfig", "args", "prevResult"])
    if "ipam" not in values:
        raise InvalidNetworkConfig("IPAM config missing 'ipam' key", 'set "ipam" in the network configuration', "ipam")
    unknown: UnknownKeys = []
    network = validate(models.NetworkModel, values, "", unknown)
    return Request(
        environment=environment,
        document=document,
        ipam=network.ipam,
        ipam_type=validate(models.IpamModel, network.ipam, "ipam.", []).type,
        prev_result=network.prev_result,
        args_ips=tuple(network.args.cni.ips),
        runtime_ips=tuple(network.runtime_config.ips),
        runtime_ranges=tuple(network.runtime_config.ip_ranges),
        arguments=split_arguments(environment.args),
        unknown_keys=unknown,
    )


def _mac(runtime: str, argument: str, configured: str) -> str:
    """The MAC by precedence: the runtime's capability, then CNI_ARGS, then the configuration; "" for random."""
    for text, key in ((runtime, "runtimeConfig.mac"), (argument, "MAC in CNI_ARGS"), (configured, "mac")):
        if text:
            try:
                return parse_mac(text)
            except ValueError as error:
                raise InvalidNetworkConfig(
                    f"invalid args {text} for MAC addr: {error}; mend {key}", f"{key} is {text!r}", key
                ) from error
    return ""
