"""Each release of the reference plugins and ours on one configuration: equal outcomes, or a documented difference."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.kernel.configurations import CASES
from tests.kernel.differences import DIFFERENCES, document, unexpected
from tests.kernel.outcome import differing, outcome
from tests.kernel.references import forget, of_reference
from tests.lan import SUBNET4, SUBNET6, Lan
from tests.reference import RELEASES, reference
from tests.runtime import REPOSITORY, ROLES, Runtime

if TYPE_CHECKING:
    from pathlib import Path

CARRIER_SECONDS = 5.0
"""What the reference waits for IPv6 addresses that cannot become usable."""


@pytest.mark.parametrize("name", CASES)
def test_same_as_the_reference(name: str, tmp_path: Path, door: Path) -> None:
    ours = outcome(CASES[name], dict.fromkeys(ROLES, door), tmp_path / "ours")
    wrong = {release: unexpected(release, name, differing(ours, of_reference(release, name))) for release in RELEASES}
    for release in RELEASES:
        if wrong[release]:
            forget(release, name)
    assert wrong == {release: {} for release in RELEASES}


@pytest.mark.parametrize("release", RELEASES)
def test_the_reference_waits_without_a_carrier(lan: Lan, tmp_path: Path, release: str) -> None:
    """Ours does not: test_a_master_without_carrier_costs_no_waiting."""
    theirs = Runtime(lan, {role: reference(release) / role for role in ROLES}, tmp_path / "theirs")
    lan.unplug()
    began = time.monotonic()
    theirs.add(theirs.config(theirs.pool(SUBNET4, SUBNET6)), lan.container(dad=True)).expect()
    assert time.monotonic() - began > CARRIER_SECONDS


BROKEN = ("", "{", '{"name": "lan" "type": "macvlan"}', "[]", '"lan"', '{"cniVersion": "1.0.0"} x')


def test_broken_json_is_refused_in_other_words(lan: Lan, tmp_path: Path, door: Path) -> None:
    """By the same code and after the same words."""
    container = lan.container()
    answers = {}
    sides = {release: {role: reference(release) / role for role in ROLES} for release in RELEASES}
    for side, plugins in (sides | {"ours": dict.fromkeys(ROLES, door)}).items():
        runtime = Runtime(lan, plugins, tmp_path / side)
        where = {"CONTAINERID": "c1", "NETNS": str(container.path), "IFNAME": "net1"}
        answers[side] = [runtime.call("ADD", stdin, **where) for stdin in BROKEN]
    told = {(answer.code, answer.msg.partition(": ")[0]) for said in answers.values() for answer in said}
    assert told == {(6, "error unmarshall network config")}
    assert all("line 1 column" in answer.msg or "is needed, got" in answer.msg for answer in answers["ours"])


SPY = """\
#!/bin/sh
[ "$CNI_COMMAND" = DEL ] || { echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.40/24"}]}'; exit; }
nsenter --net="$CNI_NETNS" ip -o link >"${0%/*}/seen"
"""


def test_the_order_of_a_deletion(lan: Lan, tmp_path: Path, door: Path) -> None:
    """The reference has the address released while the interface is there."""
    sides = {release: {role: reference(release) / role for role in ROLES} for release in RELEASES}
    in_use = {}
    for side, plugins in (sides | {"ours": dict.fromkeys(ROLES, door)}).items():
        runtime = Runtime(lan, plugins, tmp_path / side)
        spy = runtime.cni_path / "spy"
        spy.write_text(SPY)
        spy.chmod(0o755)
        container, config = lan.container(), runtime.config({"type": "spy"})
        runtime.add(config, container).expect()
        runtime.delete(config, container).expect()
        in_use[side] = "net1" in (runtime.cni_path / "seen").read_text()
    assert in_use == dict.fromkeys(RELEASES, True) | {"ours": False}


def test_differences_are_documented() -> None:
    assert (REPOSITORY / "docs" / "differences.md").read_text() == document()


def test_differences_are_shown() -> None:
    """By configurations or, what these cannot show, by a test that there is."""
    tests = "".join(file.read_text() for file in (REPOSITORY / "tests").rglob("test_*.py"))
    for known in DIFFERENCES:
        shown = {name for names in known.shown.values() for name in names}
        assert shown <= CASES.keys(), known.title
        assert shown or known.everywhere or f"def {known.test}(" in tests, known.title
