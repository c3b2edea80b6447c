"""``leases rescue``, ``backup`` and ``restore``: what keeps leases from being lost with the database's file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from console.cli.output import (
    confirm,
    document,
    dry_run_option,
    json_option,
    line,
    note,
    require_root,
    short,
    table,
    yes_option,
)  # fmt: skip
from console.cli.this_node import conf_dir_option, this_node
from ipam.ranges import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from console.survey.rebuilding import Rebuilt
    from ipam.lease import Owner
    from ipam.store.replacement import Adoption

network_option = click.option("--network", default="", help="Of living interfaces, only those of this network.")
COLUMNS = ("NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "TAKEN FROM")


@click.command()
@network_option
@conf_dir_option
@dry_run_option
@yes_option
@json_option
def rescue(*, network: str, conf_dir: str, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Rebuild a lost or damaged lease database, and record what living interfaces prove.

    It is rebuilt from the newest of what the database, its log and the copy of the day still have; then every
    interface of this plugin on a master of this node gets its record and its addresses back, wherever it lives. The
    damaged files are kept in a directory beside. It shows what it would do, and asks.
    """
    from console.survey.addresses import configured  # noqa: PLC0415 - the verbs are not for who only looks
    from console.survey.rebuilding import from_what_is_left  # noqa: PLC0415 - as above

    require_root("to look into namespaces and to write leases")
    state_dir = this_node().settings.state_dir
    plugins = configured(conf_dir, [])
    status = _carry_out(
        lambda: from_what_is_left(state_dir, plugins, network), state_dir, dry_run=dry_run, yes=yes, as_json=as_json
    )
    if not (status or dry_run):
        _settle(state_dir)
    return status


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
def backup(*, file: str) -> int:
    """Write all leases into a FILE that is not there yet, while the plugin is in use."""
    from ipam.store.view import SqliteView  # noqa: PLC0415 - as above
    from plugin.node import boot_id  # noqa: PLC0415 - as above

    require_root("to read leases")
    try:
        SqliteView(this_node().settings.state_dir, boot_id()).copy_to(file)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}; name another file") from error
    line(f"{file} is a copy of all leases")
    return 0


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@network_option
@conf_dir_option
@click.option("--force", is_flag=True, help="Also if attachments of this boot lose their record.")
@dry_run_option
@yes_option
@json_option
def restore(  # noqa: PLR0913 - one for each option
    *, file: str, network: str, conf_dir: str, force: bool, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Put what backup wrote into FILE in the place of the lease database, whatever state that is in.

    What living interfaces prove is added. It is refused where attachments of this boot, which are recorded now and
    may be in use, would lose their record; what was there before is kept in a directory beside.
    """
    from console.survey.addresses import configured  # noqa: PLC0415 - as above
    from console.survey.rebuilding import from_copy, robbed  # noqa: PLC0415 - as above

    require_root("to look into namespaces and to write leases")
    state_dir = this_node().settings.state_dir
    plugins = configured(conf_dir, [])

    def look() -> Rebuilt:
        rebuilt, present = from_copy(file, state_dir, plugins, network)
        losers = [] if force else robbed(rebuilt, present)
        for owner in losers:
            note(f"would lose its record: {owner.network} {short(owner.container_id)} {owner.ifname}")
        if losers:
            text = f"{len(losers)} attachments would lose their record; DEL them first, or add --force"
            raise click.ClickException(text)
        return rebuilt

    return _carry_out(look, state_dir, dry_run=dry_run, yes=yes, as_json=as_json)


def _carry_out(look: Callable[[], Rebuilt], state_dir: str, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Show what would be done, ask, do it as it is to be done by then, and return the exit status."""
    if as_json and not (dry_run or yes):
        raise click.UsageError("with --json nobody is asked: add --yes or --dry-run")
    rebuilt, kept = look(), ""
    is_needed = bool(rebuilt.trouble or rebuilt.content or rebuilt.adoptions)
    if not as_json:
        _show(rebuilt)
    if is_needed and not dry_run:
        if not (yes or confirm("Write this?")):
            note("nothing was changed")
            return 1
        rebuilt, kept = _write(look, state_dir)
    if as_json:
        document(
            {
                "dryRun": dry_run,
                "trouble": rebuilt.trouble,
                "origin": rebuilt.origin,
                "recorded": len(rebuilt.recorded),
                "attachments": [_as_json(each) for each in rebuilt.adoptions],
                "keptIn": kept,
            }
        )
    elif is_needed and not dry_run:
        line(f"{len(rebuilt.recorded)} attachments as recorded, {len(rebuilt.adoptions)} from living interfaces")
        if kept:
            line(f"what was there is kept in {kept}")
    return 0


def _write(look: Callable[[], Rebuilt], state_dir: str) -> tuple[Rebuilt, str]:
    """Replace the database, or add to a sound one; what was done, and the directory that former files are kept in."""
    from ipam.store.replacement import Held, replace  # noqa: PLC0415 - as above
    from plugin.node import boot_id  # noqa: PLC0415 - as above

    rebuilt = look()
    if rebuilt.trouble:
        return rebuilt, replace(state_dir, boot_id(), rebuilt.content, rebuilt.adoptions)
    with Held(state_dir, boot_id()).held() as adopt:
        rebuilt = look()  # as it is now that nobody changes it
        if rebuilt.content:
            return rebuilt, replace(state_dir, boot_id(), rebuilt.content, rebuilt.adoptions)
        for each in rebuilt.adoptions:
            adopt(each)
    return rebuilt, ""


def _settle(state_dir: str) -> None:
    """Have the database's file be sound by itself; a node without one gets none."""
    from ipam.store.replacement import Held  # noqa: PLC0415 - as above
    from plugin.node import boot_id  # noqa: PLC0415 - as above

    if os.path.exists(os.path.join(state_dir, "leases.db")):
        Held(state_dir, boot_id()).settle()


def _show(rebuilt: Rebuilt) -> None:
    if not (rebuilt.trouble or rebuilt.content or rebuilt.adoptions):
        line("nothing to rescue: the database is sound, and has what living interfaces prove")
        return
    if rebuilt.trouble:
        line(rebuilt.trouble)
    line(f"taken from {rebuilt.origin}: {len(rebuilt.recorded)} attachments")
    if rebuilt.adoptions:
        table(COLUMNS, [_as_row(each) for each in rebuilt.adoptions])
    for displaced in _displaced(rebuilt.adoptions):
        note(f"loses its record: {displaced.network} {short(displaced.container_id)} {displaced.ifname}")


def _displaced(adoptions: Sequence[Adoption]) -> list[Owner]:
    return [owner for each in adoptions for owner in each.displaced]


def _as_row(adoption: Adoption) -> tuple[str, ...]:
    """The attachment for people."""
    owner = adoption.attachment.owner
    addresses = " ".join(canonical(each) for each in adoption.addresses) or "-"
    return owner.network, short(owner.container_id), owner.ifname, addresses, adoption.attachment.netns


def _as_json(adoption: Adoption) -> dict[str, Any]:
    """The attachment for programs."""
    owner = adoption.attachment.owner
    return {
        "network": owner.network,
        "container": owner.container_id,
        "ifname": owner.ifname,
        "addresses": [canonical(each) for each in adoption.addresses],
        "netns": adoption.attachment.netns,
        "displaced": [each.container_id for each in adoption.displaced],
    }
