"""``leases``: who has which address, and releasing some by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from netaddr import IPNetwork

from conf.scalars import parse_cidr, parse_ip
from console.cli.keeping import backup, rescue, restore
from console.cli.output import (
    document,
    dry_run_option,
    json_option,
    line,
    local_time,
    note,
    require_root,
    short,
    table,
    utc_time,
    yes_option,
)
from console.cli.this_node import cni_path_option, conf_dir_option, data_dir_option, require_known, this_node
from console.survey.addresses import addresses
from console.survey.holdings import Fate, Holding
from ipam.ranges import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class AddressType(click.ParamType[IPNetwork]):
    """An address, or a network that addresses lie in."""

    name = "address"

    def convert(self, value: str | IPNetwork, param: click.Parameter | None, ctx: click.Context | None) -> IPNetwork:
        """Read ``10.1.0.5`` and ``10.1.0.0/24``."""
        try:
            return parse_cidr(value) if "/" in str(value) else IPNetwork(parse_ip(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class Filter:
    """What of all leases is meant; what is empty excludes nothing."""

    network: str = ""
    container: str = ""
    addresses: tuple[IPNetwork, ...] = ()
    pod: str = ""
    stale: bool = False

    def of(self, holdings: Iterable[Holding], *, unseen: bool = False) -> list[Holding]:
        """The leases that pass; with ``unseen`` also what executed IPAM plugins gave, which only they can tell."""
        known = [each for each in holdings if each.addresses or (unseen and each.is_executed)]
        return [each for each in known if self._passes(each)]

    def _passes(self, each: Holding) -> bool:
        return (
            self.network in {"", each.owner.network}
            and each.owner.container_id.startswith(self.container)
            and (not self.addresses or any(one in network for one in each.addresses for network in self.addresses))
            and self.pod in {"", each.pod, each.pod.rpartition("/")[2]}
            and (each.fate.stale or not self.stale)
        )


DEFAULT = ParameterSource.DEFAULT
LEASES = ("ADDRESS", "NETWORK", "CONTAINER", "INTERFACE", "POD", "SINCE", "BOOT", "STATE")
RANGES = ("NETWORK", "RANGE", "SIZE", "USED", "FREE", "STALE")
WHILE_LIVE = "live: its interface is removed as well"

network_option = click.option("--network", default="", help="Only those of this network.")
container_option = click.option(
    "--container", default="", help="Only those of this container: its id, or how it begins."
)


@click.group(invoke_without_command=True)
@network_option
@container_option
@click.option("--address", "addresses", multiple=True, type=AddressType(), help="Only this address, or this network's.")
@click.option("--pod", default="", help="Only those of this pod: NAME, or NAMESPACE/NAME.")
@click.option("--stale", is_flag=True, help="Only those of containers that are gone.")
@conf_dir_option
@data_dir_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    conf_dir: str,
    data_dirs: tuple[str, ...],
    as_json: bool,
    **wanted: Any,  # noqa: ANN401 - as Filter
) -> int:
    """Show who has which address, and how many are free in each range.

    Leases come from the node's database and from host-local's directories. A lease is "live" while the namespace is
    there that its container was attached in; after "earlier boot" and "namespace gone" nothing uses the address any
    more: gc removes such leases, and so does the next ADD with those of an earlier boot. Of leases of another program
    in host-local's directories nothing more is known.
    """
    if context.invoked_subcommand:
        if misplaced := [name for name in context.params if context.get_parameter_source(name) != DEFAULT]:
            raise click.UsageError(f"write --{misplaced[0].replace('_', '-')} behind {context.invoked_subcommand}")
        return 0
    seen = addresses(this_node().settings.state_dir, conf_dir, data_dirs)
    require_known(wanted["network"], seen)
    chosen = Filter(**wanted).of(seen.holdings)
    usage = [each for each in seen.usage() if wanted["network"] in {"", each.network}]
    if as_json:
        document(
            {
                "leases": [lease for each in chosen for lease in _as_json(each)],
                "ranges": [each.as_json() for each in usage],
                "passedOver": seen.passed_over,
            }
        )
        return 0
    if chosen:
        table(LEASES, [row for each in chosen for row in _rows(each)])
    else:
        line("no leases")
    if usage:
        line()
        table(RANGES, [each.as_row() for each in usage])
    for why in seen.passed_over:
        note(f"passed over: {why}")
    return 0


@command.command()
@click.argument("addresses", nargs=-1, type=AddressType())
@network_option
@container_option
@conf_dir_option
@data_dir_option
@cni_path_option
@dry_run_option
@yes_option
@json_option
def release(  # noqa: PLR0913 - one for each option
    *, conf_dir: str, data_dirs: tuple[str, ...], cni_path: str, dry_run: bool, yes: bool, as_json: bool,
    **wanted: Any,  # noqa: ANN401 - as Filter
) -> int:  # fmt: skip
    """Release addresses by hand, or all of a container.

    What is released is the whole attachment: its interface, if its container is alive, and all of its addresses.
    An address that is in use is thus never given to another. It asks before it begins; the plugin may be in use.
    """
    from console.cli.removal import Plan, Removal, carry_out  # noqa: PLC0415 - the verbs are not for who only looks

    if not (wanted["addresses"] or wanted["container"]):
        raise click.UsageError("name addresses, or a --container")
    require_root("to look into namespaces and to remove what is in them")
    node = this_node()
    seen = addresses(node.settings.state_dir, conf_dir, data_dirs)
    require_known(wanted["network"], seen)
    chosen = Filter(**wanted).of(seen.holdings, unseen=True)
    steps = [Removal(each, WHILE_LIVE if each.fate is Fate.LIVE else each.fate.value) for each in chosen]
    status = carry_out(Plan(steps, node, cni_path, seen.plugins), dry_run=dry_run, yes=yes, as_json=as_json)
    return status if steps else 1


for each in (rescue, backup, restore):
    command.add_command(each)


def _as_json(holding: Holding) -> Iterator[dict[str, Any]]:
    """Each lease of a holding for programs."""
    owner, known = holding.owner, holding.attachment
    for address in holding.addresses:
        yield {
            "address": canonical(address),
            "network": owner.network,
            "container": owner.container_id,
            "ifname": owner.ifname,
            "podNamespace": known.pod_namespace if known else "",
            "podName": known.pod_name if known else "",
            "since": utc_time(holding.since),
            "boot": holding.boot,
            "state": holding.fate.value,
            "stale": holding.fate.stale,
            "netns": known.netns if known else "",
            "dataDir": holding.data_dir,
        }


def _rows(holding: Holding) -> Iterator[tuple[str, ...]]:
    """Each lease of a holding for people."""
    owner = holding.owner
    for address in holding.addresses:
        yield (
            canonical(address), owner.network, short(owner.container_id), owner.ifname, holding.pod or "-",
            local_time(holding.since), holding.boot, holding.fate.value,
        )  # fmt: skip
