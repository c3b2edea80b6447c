"""The pages agree with the code: tables, error codes, examples and links."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from conf import errors
from conf import models as conf_models
from conf.call import read_ipam_request, read_request
from conf.document import read_document
from conf.environment import REQUIRED_BY, Environment
from conf.ipam import read_ipam
from conf.ipam_config import BUILT_IN
from conf.keys import UnknownKeys
from conf.models import Keys, NetworkModel, PoolModel, RangeModel, StaticModel, validate
from conf.settings import Settings, parse_settings
from docs import generate
from ipam.ranges import range_sets
from tests.kernel.test_modes import TOPOLOGY
from tests.lan import Lan
from tests.runtime import REFERENCE, Runtime

TREE = Path(__file__).resolve().parent.parent
PAGES = [TREE / "README.md", TREE / "CONTRIBUTING.md", *sorted((TREE / "docs").rglob("*.md"))]
CONFIGURATION = (TREE / "docs/configuration.md").read_text()
README = (TREE / "README.md").read_text()
WORDS = 700
"""Of README at most, its commands and examples counted."""
MODES = (TREE / "docs/modes.md").read_text()
PICTURES = sorted((TREE / "docs/pictures").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def configurations() -> list[dict[str, Any]]:
    """Every network configuration that the pages show; of a list, what its plugins get."""
    shown = [json.loads(block) for page in PAGES for block in blocks(page.read_text(), "json")]
    made = []
    for each in shown:
        if "name" not in each:  # an answer, and no configuration
            continue
        head = {key: each[key] for key in ("cniVersion", "name")}
        made += [{**head, **plugin} for plugin in each.get("plugins", [each])]
    return made


@pytest.mark.parametrize("page", generate.PAGES)
def test_generated_tables_are_those_of_the_code(page: str) -> None:
    assert generate.regenerated(page) == (TREE / page).read_text(), "run .venv/bin/python docs/generate.py"


def test_readme_is_read_in_two_minutes() -> None:
    assert len(README.split()) <= WORDS


def test_configuration_has_every_key_and_every_setting() -> None:
    listed = set(re.findall(r"^\| `([^`]+)` \|", CONFIGURATION, re.MULTILINE))
    keys = {path.strip("`") for path, *_ in generate.every_key()}
    assert set(NetworkModel.known_keys()) <= keys
    assert {f"ipam.{key}" for key in PoolModel.known_keys() + StaticModel.known_keys()} <= keys
    assert {f"ipam.ranges[][].{key}" for key in RangeModel.known_keys()} <= keys
    # The object that each of these stands for is described in words.
    assert keys - listed == {"args.cni"}
    described = keys | {path.rpartition(".")[2] for path in keys}
    models = [each for each in vars(conf_models).values() if isinstance(each, type) and issubclass(each, Keys)]
    assert {key for model in models for key in model.known_keys()} <= described
    assert {field.name for field in fields(Settings)} <= listed


def test_every_error_has_its_section_and_every_section_its_error() -> None:
    sections = re.findall(r"^## (?:(\d+) )?(\w+)$", (TREE / "docs/errors.md").read_text(), re.MULTILINE)
    tree = [("" if code == "*" else code, name) for code, name, _ in generate.error_tree()]
    assert sorted(sections) == sorted(tree)
    classes = {
        name: each
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, errors.CniError)
    }
    assert [str(classes[name].code) for code, name in sections if code] == [code for code, _ in sections if code]
    # To a reader IpamPluginMissing is its parent: it has the same code.
    assert set(classes) - {"CniError", "IpamPluginMissing"} == {name for _, name in sections}


@pytest.mark.parametrize("values", configurations(), ids=lambda values: values["name"])
def test_examples_are_valid_and_have_no_unknown_key(values: dict[str, Any]) -> None:
    document = read_document(json.dumps(values).encode(), "ADD")
    environment = Environment("ADD", "c1", "/run/netns/c1", "eth0")
    read = read_request if values["type"] in {"cni-macvlan-py", "macvlan"} else read_ipam_request
    request = read(environment, document)
    assert values["type"] == "bridge" or request.unknown_keys == []
    if request.ipam_type in BUILT_IN:
        unknown: UnknownKeys = []
        validate(StaticModel if request.ipam_type == "static" else PoolModel, request.ipam, "ipam.", unknown)
        assert unknown == []
        config = read_ipam(request)
        assert config.addresses or range_sets(config.ranges)


@pytest.mark.kernel
@pytest.mark.parametrize("values", configurations(), ids=lambda values: values["name"])
def test_examples_work(runtime: Runtime, lan: Lan, values: dict[str, Any]) -> None:
    lan.node.batch("link add eth1 type veth peer name wire1", "link set wire1 up", "link set eth1 up")
    (runtime.cni_path / "bridge").symlink_to(REFERENCE / "bridge")
    if "dataDir" in values.get("ipam", {}):
        values = {**values, "ipam": {**values["ipam"], "dataDir": str(runtime.data_dir)}}
    container = lan.container()
    addresses = runtime.add(values, container, plugin=values["type"]).addresses
    assert bool(addresses) == ("ipam" in values)
    runtime.check(values, container, plugin=values["type"]).expect()
    runtime.delete(values, container, plugin=values["type"]).expect()
    assert container.links() == ["lo"]


def test_who_reaches_whom_is_what_the_kernel_was_seen_to_do() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| yes \| (yes|no) \| (yes|no) \|$", MODES, re.MULTILINE)
    told = {
        (mode, "on" if switch == "sends frames back" else "off"): {
            name for name, answer in (("sibling", sibling), ("parent", parent)) if answer == "yes"
        }
        for mode, switch, sibling, parent in rows
    }
    assert told == TOPOLOGY


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_pictures_can_be_seen_in_the_light_and_in_the_dark(picture: Path) -> None:
    """On a ground of their own, for the reader's scheme may be another than the page's; and by those who cannot see."""
    drawn = ET.parse(picture).getroot()  # noqa: S314 - our own
    assert drawn.findtext(f"{SVG}title")
    (ground, *_) = drawn.findall(f"{SVG}rect")
    classes = {word for each in drawn.iter() for word in each.get("class", "").split()} - {"if"}
    light, dark = (drawn.findtext(f"{SVG}style") or "").split("@media (prefers-color-scheme: dark)")
    assert f".{ground.get('class')} {{ fill:" in light
    assert f".{ground.get('class')} {{ fill:" in dark
    for name in classes:
        assert f".{name} {{" in light, name
        assert f".{name} {{" in dark, name
    assert not [each for each in drawn.iter() if each.get("fill") or each.get("stroke")]


def test_settings_example_is_valid() -> None:
    (example,) = blocks(CONFIGURATION, "toml")
    parse_settings(example.encode(), "settings.toml")
    assert set(tomllib.loads(example)) <= set(generate.SETTINGS)


def test_every_variable_is_described() -> None:
    described = set(re.findall(r"^\| `(CNI_\w+)`", CONFIGURATION, re.MULTILINE))
    read = set()
    for source in (TREE / "conf").glob("*.py"):
        read |= set(re.findall(r"\"(CNI_[A-Z_]+)\"", source.read_text()))
    assert described >= read | set(REQUIRED_BY)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TREE)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        target, _, anchor = link.partition("#")
        if target.startswith("https://"):
            continue
        file = (page.parent / target) if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []
