"""IPv6 on a container's loopback: on while an attachment needs it, and off again behind the last, where it was off.

What was found is kept by the kernel, as the loopback's alias: it lives and ends with the namespace, and whoever was
killed in between leaves a mark that the next DEL goes by.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from link import messages, rtnl, sysctl
from link.netlink import KernelRefusal

if TYPE_CHECKING:
    from link.netlink import Netlink
    from link.netns import Namespace

INDEX: Final = 1  # LOOPBACK_IFINDEX of linux/netdevice.h
MARK: Final = "cni-macvlan-py: IPv6 was off"

log = logging.getLogger(__name__)


def switch_on(container: Netlink) -> None:
    """Switch IPv6 on where it is off. The thread is in the container's namespace.

    Marked first, and not where the loopback has another's alias: then it stays on. Raises OSError.
    """
    if sysctl.read("ipv6", "lo", "disable_ipv6") == "0":
        return
    link = container.link(index=INDEX)
    if link is not None and not link.alias:
        try:
            container.send(messages.set_alias(INDEX, MARK))
        except KernelRefusal as refusal:
            log.info("IPv6 stays on at lo behind the last attachment: %s", refusal)
    sysctl.write("ipv6", "lo", "disable_ipv6", "0")


def switch_back(container: Netlink, namespace: Namespace) -> None:
    """Switch IPv6 off where it was, unless another interface has an IPv6 address that is not its link's alone.

    What fails is told to the log: no interface and no address depends on it.
    """
    try:
        link = container.link(index=INDEX)
        if link is None or link.alias != MARK or _is_needed(container):
            return
        with namespace.entered():
            sysctl.write("ipv6", "lo", "disable_ipv6", "1")
        container.send(messages.set_alias(INDEX, ""))
    except (OSError, KernelRefusal) as error:
        log.warning("IPv6 stays on at lo of %s: %s", namespace.path, error)


def _is_needed(container: Netlink) -> bool:
    found = container.all_addresses(rtnl.AF_INET6)
    return any(each.index != INDEX and not each.address.ip.is_link_local() for each in found)
