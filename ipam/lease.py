"""The nouns of address management: who is attached, and which addresses it was given."""

from __future__ import annotations

from dataclasses import dataclass, field

from netaddr import IPAddress, IPNetwork

from conf.ipam_config import BUILT_IN, HOST_LOCAL, Dns, Route


@dataclass(frozen=True)
class Owner:
    """Identity of an attachment within its network (SPEC 1.1, "Attachment Parameters")."""

    network: str
    container_id: str
    ifname: str


@dataclass(frozen=True)
class Attachment:
    """One container interface as it is remembered between verbs.

    ``netns`` is the path of the container's namespace as the runtime gave it and ``netns_id`` its
    ``st_dev:st_ino``; ``device`` is the link kind that DEL and GC remove ("" where the link belongs to
    another plugin); ``ipam`` is the ipam.type that gave the addresses ("" for none) and ``ipam_dir`` the
    host-local directory that holds them ("" for none); ``created`` is in seconds since the epoch, for people only.
    ``delegation`` is what an executed IPAM plugin was told (ipam/delegation.py), "" for none; ``serial`` is a random
    number of the ADD: a record with another one is another's, however much they are alike.
    """

    owner: Owner
    netns: str
    netns_id: str
    device: str
    ipam: str
    ipam_dir: str
    boot_id: str
    created: int
    pod_namespace: str = ""
    pod_name: str = ""
    delegation: str = ""
    serial: int = 0

    @property
    def executed(self) -> bool:
        """Whether the addresses are held by an IPAM plugin that is executed; until schema 2 its name alone told."""
        in_process = {"", *BUILT_IN} if self.ipam_dir else {"", *BUILT_IN} - {HOST_LOCAL}
        return bool(self.delegation) or self.ipam not in in_process

    @property
    def pod(self) -> str:
        """``namespace/name``, "" where no orchestrator said so."""
        return "/".join(filter(None, (self.pod_namespace, self.pod_name)))


@dataclass(frozen=True)
class AssignedAddress:
    """One address with the prefix length of its subnet, e.g. 10.1.0.5/24, and its gateway."""

    address: IPNetwork
    gateway: IPAddress | None = None


@dataclass(frozen=True)
class Assignment:
    """What IPAM gives to one attachment."""

    addresses: tuple[AssignedAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: Dns = field(default_factory=Dns)
