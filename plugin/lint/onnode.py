"""What of a configuration this node lacks: the master, the plugins' files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.addresses import BUILT_IN
from conf.errors import CniError, IpamPluginMissing
from ipam.resolve import find_in_path
from plugin.link import macvlan
from plugin.link.netlink import Netlink
from plugin.lint.finding import ERROR, Finding, at, place, refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugin.lint.judge import Verdict


def lacking(verdict: Verdict, directories: Sequence[str], *, is_main: bool) -> Iterator[Finding]:
    """What this node lacks for a plugin that was judged; ``directories`` are those of CNI_PATH."""
    plugin, meaning = verdict.plugin, verdict.meaning
    for key, name in (("type", plugin.type), ("ipam.type", plugin.ipam_type)):
        # Addresses of our own kinds are given without another process.
        served = key == "ipam.type" and is_main and name in BUILT_IN
        if not served and _missing(name, directories):
            message = f'failed to find plugin "{name}" in path [{" ".join(directories)}]; install it there'
            code = IpamPluginMissing.code if key == "ipam.type" else None
            yield at(plugin.network, place(plugin, key), ERROR, message, code)
    if is_main and meaning and not meaning.request.link.link_in_container:
        try:
            with Netlink() as netlink:
                macvlan.find_master(netlink, meaning.request.link, "on this node")
        except CniError as error:
            yield refused(plugin, error, error.key or "master")


def _missing(plugin_type: str, directories: Sequence[str]) -> bool:
    try:
        return bool(plugin_type) and find_in_path(plugin_type, directories) is None
    except CniError:  # no file name at all
        return True
