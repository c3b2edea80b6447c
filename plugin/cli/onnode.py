"""What of a configuration this node lacks: the master, the plugins' files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.addresses import BUILT_IN
from conf.errors import CniError, IpamPluginMissing
from ipam.resolve import find_in_path
from plugin.cli.findings import ERROR, Finding, at, place, refused
from plugin.cli.judge import is_main
from plugin.cli.networks import asking
from plugin.link import macvlan
from plugin.link.netlink import Netlink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conf.request import Request
    from plugin.cli.networks import Plugin


def lacking(plugin: Plugin, request: Request | None, path: str) -> Iterator[Finding]:
    """What this node lacks; ``request`` is None where the configuration is not understood, ``path`` is CNI_PATH."""
    directories = asking("ADD", path).path
    for key, name in (("type", plugin.type), ("ipam.type", plugin.ipam_type)):
        # Addresses of our own kinds are given without another process.
        served = key == "ipam.type" and is_main(plugin) and name in BUILT_IN
        if not served and _missing(name, directories):
            message = f'failed to find plugin "{name}" in path [{" ".join(directories)}]; install it there'
            code = IpamPluginMissing.code if key == "ipam.type" else None
            yield at(plugin.network, place(plugin, key), ERROR, message, code)
    if is_main(plugin) and request and not request.link.link_in_container:
        try:
            with Netlink() as netlink:
                macvlan.find_master(netlink, request.link, "on this node")
        except CniError as error:
            yield refused(plugin, error, error.key or "master")


def _missing(plugin_type: str, directories: tuple[str, ...]) -> bool:
    try:
        return bool(plugin_type) and find_in_path(plugin_type, directories) is None
    except CniError:  # no file name at all
        return True
