"""The picture of `show`: well-formed XML with everything in it, whatever names containers have."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from console.cli.picture import COLOURS, GAP, ROW, picture
from console.survey.overview import RECORDED, UNRECORDED

SVG = "{http://www.w3.org/2000/svg}"


def child(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "name": "net1",
        "namespace": {"files": ["/run/netns/web"], "processes": []},
        "addresses": ["10.1.0.2/24", "fd00::2/64"],
        "mode": "bridge",
        "mac": "02:00:00:00:00:01",
        "pod": "",
        "container": "0123456789ab",
        "state": RECORDED,
    } | changed


def texts(document: str) -> list[str]:
    root = ET.fromstring(document)  # noqa: S314 - our own
    return ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]


def test_every_interface_is_beside_its_master() -> None:
    masters = [
        {
            "name": "eth0",
            "mac": "02:00:00:00:00:ff",
            "mtu": 1500,
            "children": [child(), child(name="net2", pod="shop/web")],
        },
        {"name": "", "mac": "", "mtu": 0, "children": [child(state=UNRECORDED)]},
    ]
    document = picture(masters)
    said = texts(document)
    assert said[:2] == ["eth0", "02:00:00:00:00:ff, mtu 1500"]
    assert said[2:6] == [
        "net1 in web",
        "10.1.0.2/24, fd00::2/64  bridge  02:00:00:00:00:01  0123456789ab",
        "net2 in web",
        "10.1.0.2/24, fd00::2/64  bridge  02:00:00:00:00:01  shop/web",
    ]
    assert said[6:8] == ["other namespaces", ""]
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert root.get("height") == str(3 * ROW + 3 * GAP)
    assert [each.get("fill") for each in root.iter(f"{SVG}circle")] == [COLOURS[RECORDED]] * 2 + [COLOURS[UNRECORDED]]


def test_names_are_text_and_never_markup() -> None:
    evil = '"><script>alert(1)</script>&amp;'
    document = picture([{"name": evil, "mac": "", "mtu": 0, "children": [child(pod=evil)]}])
    said = texts(document)
    assert said[0] == evil
    assert said[-1].endswith(evil)
    assert "<script" not in document


def test_a_node_without_any() -> None:
    assert texts(picture([])) == []
