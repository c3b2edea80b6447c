"""The link half of a network configuration, checked without asking the kernel."""

from __future__ import annotations

from dataclasses import dataclass

from conf.errors import InvalidNetworkConfig, together

LONGEST_NAME = 127  # bytes of an alternative name: ALTIFNAMSIZ of linux/if.h, less the NUL
LEAST_MTU = 68  # bytes: ETH_MIN_MTU of linux/if_ether.h, from RFC 791
LEAST_MTU_IPV6 = 1280  # bytes: RFC 8200, section 5
MOST_MTU = 2**31 - 1  # the kernel's int; a master has less
MODES = ("bridge", "private", "vepa", "passthru", "source")


@dataclass(frozen=True)
class LinkConfig:
    """The macvlan child to make; 0, "" and None leave a choice to the kernel (``master``: to the default route)."""

    master: str = ""
    mode: str = "bridge"
    mtu: int = 0
    mac: str = ""
    link_in_container: bool = False
    bcqueuelen: int = 0
    bccutoff: int | None = None
    promisc: bool = True
    source_macs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise InvalidNetworkConfig for values that no kernel accepts together."""
        found = []
        if len(self.master.encode()) > LONGEST_NAME:
            text = (
                f'"master" has {len(self.master.encode())} bytes; the name of an interface has at most {LONGEST_NAME}'
            )
            found.append(InvalidNetworkConfig(text, f'"master" begins with {self.master[:LONGEST_NAME]}', "master"))
        if self.mtu and not LEAST_MTU <= self.mtu <= MOST_MTU:
            text = f'invalid MTU {self.mtu}; set "mtu" to 0 for that of the master, or to {LEAST_MTU} or more'
            found.append(InvalidNetworkConfig(text, "at most the master's", "mtu"))
        if self.mode not in MODES:
            text = f'unknown macvlan mode: "{self.mode}"; "mode" is one of {", ".join(MODES)}'
            found.append(InvalidNetworkConfig(text, "bridge is the default", "mode"))
        if not self.promisc and self.mode != "passthru":
            text = f'"promisc": false goes with "mode": "passthru" only, "mode" is "{self.mode}"; remove one of them'
            found.append(InvalidNetworkConfig(text, "in other modes the master is not made promiscuous", "promisc"))
        if self.source_macs and self.mode != "source":
            text = f'"sourceMacs" goes with "mode": "source" only, "mode" is "{self.mode}"; remove one of them'
            found.append(InvalidNetworkConfig(text, f'"sourceMacs" is {", ".join(self.source_macs)}', "sourceMacs"))
        if found:
            raise together(found)
