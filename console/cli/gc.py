"""``gc``: remove what is left of containers that are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from conf.document import Document, decode_object
from conf.errors import DecodingFailure
from conf.request import VALID_ATTACHMENTS, read_valid_attachments
from console.cli.output import dry_run_option, json_option, require_root, yes_option
from console.cli.removal import Plan, Removal, carry_out
from console.cli.this_node import cni_path_option, conf_dir_option, data_dir_option, require_known, this_node
from console.configs.networks import read_text
from console.survey.addresses import addresses

if TYPE_CHECKING:
    from console.survey.holdings import Holding

Valid = frozenset[tuple[str, str]]


@click.command()
@dry_run_option
@yes_option
@click.option(
    "--force", is_flag=True, help="Forget also what an IPAM plugin of another does not take back, or is gone itself."
)
@click.option("--network", default="", help="Only what belongs to this network.")
@click.option(
    "--valid", "valid_file", metavar="FILE", help="The attachments that are to stay, as GC gets them; - for stdin."
)
@conf_dir_option
@data_dir_option
@cni_path_option
@json_option
def command(  # noqa: PLR0913 - one for each option
    *, dry_run: bool, yes: bool, force: bool, network: str, valid_file: str | None, conf_dir: str,
    data_dirs: tuple[str, ...], cni_path: str, as_json: bool,
) -> int:  # fmt: skip
    """Remove what is left of containers that are gone: interfaces, addresses, records.

    Without --valid the node itself tells: gone is what an earlier boot left, and whose namespace is not there any
    more. With --valid everything of one network goes that is not listed: a GC configuration, or its list alone as in
    [{"containerID": "...", "ifname": "eth0"}], with --network.

    Addresses of another IPAM plugin are freed by its DEL. Where that fails the attachment stays recorded; --force
    forgets it, and tells what is left behind: addresses that are taken in that plugin's own place.

    It shows the plan and asks before it begins. The plugin may be in use: what is attached anew meanwhile stays.
    """
    require_root("to look into namespaces and to remove what is in them")
    node = this_node()
    network, valid = _read_valid(valid_file, network)
    seen = addresses(node.settings.state_dir, conf_dir, data_dirs)
    if valid is None:  # a runtime's list may be about a network of which nothing is left
        require_known(network, seen)
    holdings = [each for each in seen.holdings if network in {"", each.owner.network}]
    steps = [Removal(each, why) for each in holdings if (why := _why(each, valid))]
    plan = Plan(steps, node, cni_path, seen.plugins, force)
    return carry_out(plan, dry_run=dry_run, yes=yes, as_json=as_json)


def _why(holding: Holding, valid: Valid | None) -> str:
    """The reason to remove it, "" for none."""
    if valid is None:
        return holding.fate.value if holding.fate.stale else ""
    owner = holding.owner
    # The older form of host-local's files names no interface.
    listed = {(container, ifname if owner.ifname else "") for container, ifname in valid}
    return "" if (owner.container_id, owner.ifname) in listed else "not valid"


def _read_valid(file: str | None, network: str) -> tuple[str, Valid | None]:
    """The network that a list is about, and the list; None where there is none. Raises UsageError or CniError."""
    if file is None:
        return network, None
    text = read_text(file)
    if text.lstrip().startswith("["):
        text = f'{{"{VALID_ATTACHMENTS}": {text}}}'
    try:
        values = decode_object(text.encode())
    except DecodingFailure as error:
        raise DecodingFailure(f"{file}: {error.msg}; name what a runtime sends with GC, or its list", "") from error
    stated = values.get("name", network)
    if not stated or (network and stated != network):
        raise click.UsageError(
            f"--valid has to be about one network: its name is {stated!r}, --network {network!r}; let one be the other"
        )
    valid = read_valid_attachments(Document(b"", values, "", stated))
    if valid is None:
        raise click.UsageError(f'{file} has no "{VALID_ATTACHMENTS}"; write what is to stay, [] for nothing')
    return stated, valid
