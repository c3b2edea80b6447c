"""What every test may ask for: a LAN of its own, and a runtime that calls our plugin on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lan import Lan
from tests.runtime import DOOR, REFERENCE, ROLES, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let another executable stand in for the door, to see what the tests say of it."""
    parser.addoption("--plugin", type=Path, default=DOOR, help="the plugin under test (default: the checkout's door)")


def pytest_configure(config: pytest.Config) -> None:
    """Stop at once without root: namespaces are the substance of this suite, and a skipped test proves nothing."""
    del config
    if os.geteuid() != 0:
        pytest.exit("the tests make network namespaces: run them as root", returncode=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what makes interfaces."""
    for item in items:
        if "kernel" in item.path.parts:
            item.add_marker(pytest.mark.kernel)


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    """A LAN of the test's own; nothing of it may be left, no process, no namespace, no file outside tmp_path."""
    del tmp_path
    with Lan() as made:
        yield made
    strays = [
        str(found)
        for place in (Path("/var/lib/cni"), Path("/run"))
        if place.is_dir()
        for found in place.rglob(f"*{made.suffix}*")
    ]
    assert made.leaks + strays == []


@pytest.fixture
def runtime(lan: Lan, tmp_path: Path, pytestconfig: pytest.Config) -> Runtime:
    """A runtime whose CNI_PATH has the plugin under test under every name that it answers to."""
    return Runtime(lan, plugins_under_test(pytestconfig), tmp_path / "ours")


@pytest.fixture
def door(pytestconfig: pytest.Config) -> Path:
    """The executable under test."""
    plugin: Path = pytestconfig.getoption("--plugin")
    return plugin.resolve()


def plugins_under_test(config: pytest.Config) -> dict[str, Path]:
    """CNI_PATH names to executables; a reference plugin brings its own IPAM plugins."""
    plugin: Path = config.getoption("--plugin").resolve()
    if plugin == DOOR:
        return dict.fromkeys((*ROLES, DOOR.name), DOOR) | {"tuning": REFERENCE / "tuning"}
    return {"macvlan": plugin} | {name: plugin.parent / name for name in (*ROLES[1:], "tuning")}
