"""What a plugin's configuration means: read as an ADD reads it before its first effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.environment import Environment
from conf.ipam_config import BUILT_IN, HOST_LOCAL, IpamConfig

if TYPE_CHECKING:
    from netaddr import IPAddress

    from conf.request import Request
    from console.configs.networks import Plugin
    from ipam.ranges import RangeSet


@dataclass(frozen=True)
class Understood:
    """A valid configuration of ours, ``is_main``, or as much of another plugin's as its IPAM plugin has to understand.

    ``ipam`` is None where an executable of another has to be asked, or nobody.
    """

    plugin: Plugin
    request: Request
    is_main: bool
    ipam: IpamConfig | None = None
    range_sets: tuple[RangeSet, ...] = ()

    @property
    def network(self) -> str:
        """The network's name."""
        return self.request.network

    @property
    def file(self) -> str:
        """Where it is written."""
        return self.plugin.network.file

    @property
    def data_dir(self) -> str:
        """The host-local directory of its leases, "" where they are in the database."""
        return self.ipam.data_dir if self.ipam and self.ipam.type == HOST_LOCAL else ""

    def gives(self, address: IPAddress) -> bool:
        """Whether its ranges give the address."""
        return any(each.gives(address) for each in self.range_sets)


def understood(plugin: Plugin, *, is_main: bool) -> Understood:
    """Judge a configuration as an ADD of the main plugin would, or of its IPAM plugin. Raises CniError as that does."""
    from conf.call import read_ipam_request, read_request  # noqa: PLC0415 - 60 ms that who has no network need not wait
    from ipam.resolve import read_built_in  # noqa: PLC0415 - as above

    environment = Environment("ADD", "nobody", "/", "eth0")
    request = (read_request if is_main else read_ipam_request)(environment, plugin.document())
    if request.ipam_type not in BUILT_IN:
        return Understood(plugin, request, is_main)
    return Understood(plugin, request, is_main, *read_built_in(request))
