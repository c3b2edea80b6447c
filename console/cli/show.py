"""``show``: the node's masters, the containers on them, their addresses and leases, as tree, document and picture."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from conf.printable import printable
from console.cli.output import console, document, json_option, place, require_root, short
from console.cli.picture import picture
from console.survey.namespaces import everywhere
from console.survey.overview import FOREIGN, RECORDED, UNFINISHED, UNRECORDED, masters
from ipam.store.view import SqliteView
from plugin.node import boot_id, read_settings

if TYPE_CHECKING:
    from rich.text import Text

    from console.survey.overview import Master, Shown

STYLES = {RECORDED: "green", UNFINISHED: "yellow", UNRECORDED: "red", FOREIGN: "dim"}


@click.command()
@json_option
@click.option("--svg", type=click.Path(dir_okay=False, writable=True), help="Draw it into this file as well.")
def command(*, as_json: bool, svg: str | None) -> int:
    """Show the masters of this node and every macvlan interface on them.

    Each has its namespace, container, mode, MAC and IP addresses, and whether it is recorded: "unrecorded" bears our
    mark and the lease database does not know of it, "unfinished" was left by an ADD that died, "not ours" was made by
    another program. Nothing is changed.
    """
    require_root("to look into namespaces")
    found = _look()
    if svg:
        with open(svg, "w", encoding="utf-8") as file:
            file.write(picture(_told(found)))
    if as_json:
        document({"masters": _told(found)})
    else:
        _draw(found)
    return 0


def _look() -> list[Master]:
    places = everywhere()
    holdings = SqliteView(read_settings(os.environ).state_dir, boot_id()).holdings()
    records = [attachment for attachment, _ in holdings if attachment.boot_id == boot_id()]
    with click.progressbar(length=len(places), label="looking", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        found = []
        for master in masters(places, records):
            if master is None:
                bar.update(1)
            else:
                found.append(master)
    return found


def _told(found: list[Master]) -> list[dict[str, Any]]:
    """The masters as JSON; all but the children is null where a master is in another namespace."""
    keys = ("name", "kind", "mac", "mtu", "up", "carrier")
    return [
        {key: getattr(master.link, key, None) for key in keys} | {"children": list(map(_child, master.children))}
        for master in found
    ]


def _child(shown: Shown) -> dict[str, Any]:
    link, home, record = shown.child.link, shown.child.home, shown.record
    network, container_id = shown.child.owner
    return {
        "name": link.name,
        "namespace": {"files": list(home.files), "processes": list(home.processes)},
        "mode": link.mode,
        "mac": link.mac,
        "mtu": link.mtu,
        "up": link.up,
        "addresses": list(shown.child.addresses),
        "network": record.owner.network if record else network,
        "container": record.owner.container_id if record else container_id,
        "pod": record.pod if record else "",
        "state": shown.state,
    }


def _draw(found: list[Master]) -> None:
    from rich.tree import Tree  # noqa: PLC0415 - 50 ms that an answer for programs need not wait for

    drawing = console()
    for master in _told(found):
        tree = Tree(_text(_title(master), "bold"))
        for child in master["children"]:
            name = _text(f"{child['name']} {place(child['namespace'])}  ", "cyan")
            tree.add(name + _text(_about(child), "default") + _text(f"  {child['state']}", STYLES[child["state"]]))
        drawing.print(tree)
    if not found:
        drawing.print("There is no macvlan interface on this node.")


def _text(text: str, style: str) -> Text:
    from rich.text import Text  # noqa: PLC0415 - as above

    return Text(printable(text), style=style)


def _title(master: dict[str, Any]) -> str:
    if master["name"] is None:
        return "on masters of other namespaces"
    state = "down" if not master["up"] else "up" if master["carrier"] else "no carrier"
    return f"{master['name']}  {master['mac']}, mtu {master['mtu']}, {state}, children: {len(master['children'])}"


def _about(child: dict[str, Any]) -> str:
    who = child["pod"] or short(child["container"])
    addresses = ", ".join(child["addresses"]) or "no address"
    of = f"{child['network']}: {who}  " if who else ""
    return f"{of}{addresses}  {child['mode']}, {child['mac']}"
