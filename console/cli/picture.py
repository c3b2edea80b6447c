"""What ``show`` tells, as a picture: masters at the left, the interfaces on them at the right."""

from __future__ import annotations

from html import escape
from typing import Any

from conf.printable import printable
from console.cli.output import place
from console.survey.overview import FOREIGN, RECORDED, UNFINISHED, UNRECORDED

ROW, GAP, LEFT, RIGHT, WIDTH = 44, 24, 20, 300, 900
COLOURS = {RECORDED: "#2e7d32", UNFINISHED: "#f9a825", UNRECORDED: "#c62828", FOREIGN: "#9e9e9e"}
STYLE = (
    "text{font:13px sans-serif;fill:#222}.small{font-size:11px;fill:#666}"
    "rect{fill:#f5f7fa;stroke:#607d8b}path{stroke:#b0bec5;fill:none}"
)


def picture(masters: list[dict[str, Any]]) -> str:
    """An SVG document of what ``show --json`` writes."""
    drawn, top = [], GAP
    for master in masters:
        height = ROW * len(master["children"])
        drawn += _master(master, top + height / 2)
        for number, child in enumerate(master["children"]):
            drawn += _child(child, top + ROW * number, top + height / 2)
        top += height + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(drawn) + "\n</svg>\n"
    )


def _master(master: dict[str, Any], middle: float) -> list[str]:
    name = master["name"] or "other namespaces"
    about = f"{master['mac']}, mtu {master['mtu']}" if master["name"] else ""
    return [
        f'<rect x="{LEFT}" y="{middle - 22}" width="180" height="44" rx="6"/>',
        _text(LEFT + 10, middle - 4, name),
        _text(LEFT + 10, middle + 13, about, "small"),
    ]


def _child(child: dict[str, Any], top: float, middle: float) -> list[str]:
    centre = top + ROW / 2
    title = f"{child['name']} {place(child['namespace'])}"
    about = [", ".join(child["addresses"]), child["mode"], child["mac"], child["pod"] or child["container"]]
    state = escape(child["state"])
    colour = COLOURS[child["state"]]
    bend = (LEFT + 180 + RIGHT) / 2
    return [
        f'<path d="M{LEFT + 180} {middle} C{bend} {middle} {bend} {centre} {RIGHT} {centre}"/>',
        f'<rect x="{RIGHT}" y="{top + 3}" width="{WIDTH - RIGHT - LEFT}" height="{ROW - 6}" rx="6"/>',
        f'<circle cx="{RIGHT + 14}" cy="{centre}" r="5" fill="{colour}"><title>{state}</title></circle>',
        _text(RIGHT + 28, centre - 3, title),
        _text(RIGHT + 28, centre + 13, "  ".join(filter(None, about)), "small"),
    ]


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(printable(text))}</text>'
