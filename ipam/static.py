"""The static role: the addresses are those of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import CheckFailure
from ipam.lease import AssignedAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netaddr import IPAddress

    from conf.ipam_config import IpamConfig


def assigned(config: IpamConfig) -> tuple[AssignedAddress, ...]:
    """Every configured address; nothing is reserved, so nothing has to be released."""
    return tuple(AssignedAddress(static.address, static.gateway) for static in config.addresses)


def check(config: IpamConfig, addresses: Sequence[IPAddress]) -> None:
    """Raise CheckFailure where a configured address is not among those that ADD answered."""
    for static in config.addresses:
        if static.address.ip not in addresses:
            raise CheckFailure(
                f"static: Failed to find address {static.address} in prevResult; the configuration changed after ADD: "
                "delete and add the container again",
                f"prevResult has {', '.join(map(str, addresses)) or 'none'}",
            )
