"""Short ways to say ranges, owners and attachments."""

from __future__ import annotations

from netaddr import IPAddress, IPNetwork

from conf.ipam_config import RangeConfig
from ipam.lease import Attachment, Owner
from ipam.ranges import RangeSet, range_sets

NETWORK = "lan"


def span(
    subnet: str,
    start: str | None = None,
    end: str | None = None,
    gateway: str | None = None,
    exclude: tuple[str, ...] = (),
) -> RangeConfig:
    """Describe one range; ``gateway="none"`` is a range without."""
    return RangeConfig(
        IPNetwork(subnet),
        IPAddress(start) if start else None,
        IPAddress(end) if end else None,
        IPAddress(gateway) if gateway not in {None, "none"} else None,
        gateway == "none",
        tuple(map(IPNetwork, exclude)),
    )


def sets(*configs: RangeConfig | tuple[RangeConfig, ...]) -> tuple[RangeSet, ...]:
    """Make one range set of each argument."""
    return range_sets(tuple((each,) if isinstance(each, RangeConfig) else each for each in configs))


def owner(name: str, ifname: str = "eth0", network: str = NETWORK) -> Owner:
    return Owner(network, name, ifname)


def attachment(name: str, ifname: str = "eth0", network: str = NETWORK, boot_id: str = "boot-1") -> Attachment:
    return Attachment(
        owner(name, ifname, network),
        netns=f"/run/netns/{name}",
        netns_id="4:4026531840",
        device="macvlan",
        ipam="cni-macvlan-py",
        ipam_dir="",
        boot_id=boot_id,
        created=1_700_000_000,
    )


def addresses(*texts: str) -> list[IPAddress]:
    return [IPAddress(text) for text in texts]
