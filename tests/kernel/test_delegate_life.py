"""The life of what an executed IPAM plugin gives: asked once, taken back by what ADD recorded, and never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.operator import Operator
from tests.crash import remains
from tests.kernel.ledger import Ledger
from tests.lan import SUBNET4

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Json, Runtime

NOTHING = {"attachment": 0, "lease": 0}
ONE = {"attachment": 1, "lease": 0}


@pytest.fixture
def ledger(runtime: Runtime, tmp_path: Path) -> Ledger:
    return Ledger(runtime, tmp_path / "books")


def test_one_add_and_one_del(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    """A plugin to which a DEL of an unknown container is an error."""
    container, config = lan.container(), runtime.config(ledger.ipam())
    assert runtime.add(config, container).addresses == ["10.9.0.50/24"]
    assert ledger.verbs() == ["ADD"]
    runtime.delete(config, container).expect()
    (deletion,) = ledger.calls()
    assert (deletion["verb"], deletion["link"]) == ("DEL", False)
    assert (ledger.leases(), remains.rows(runtime.state_dir)) == (0, NOTHING)


def test_its_own_error_of_add_arrives(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    container, config = lan.container(), runtime.config(ledger.ipam())
    ledger.refuse("ADD", "DEL")
    answer = runtime.add(config, container)
    assert (answer.code, answer.msg) == (77, "ADD is refused")
    assert ledger.verbs() == ["ADD", "DEL"]


def test_adds_that_never_got_an_address_leave_no_record(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    config = runtime.config(ledger.ipam())
    ledger.refuse("ADD", "DEL")
    for attempt in range(3):
        assert runtime.add(config, lan.container(), container_id=f"attempt-{attempt}").code == 77
    assert remains.rows(runtime.state_dir) == NOTHING


def test_a_plugin_that_cannot_be_run_leaves_no_record(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    ledger.path.write_text("#!/nonexistent/interpreter\n")
    assert runtime.add(runtime.config(ledger.ipam()), lan.container()).code == 111
    assert remains.rows(runtime.state_dir) == NOTHING


@pytest.mark.parametrize("refused", [[], ["DEL"]])
def test_an_unfinished_add_is_made_good_by_the_next(
    lan: Lan, runtime: Runtime, ledger: Ledger, refused: list[str]
) -> None:
    """It left a record without an interface: its DEL comes first, and where that fails the ADD comes all the same."""
    container, config = lan.container(), runtime.config(ledger.ipam())
    runtime.add(config, container).expect()
    container.batch("link del net1")
    ledger.verbs()
    ledger.refuse(*refused)
    answer = runtime.add(config, container)
    if refused:  # the plugin has not forgotten, and says so; the record leads to what it holds
        assert (answer.code, ledger.verbs()) == (78, ["DEL", "ADD", "DEL"])
        assert remains.rows(runtime.state_dir) == ONE
        ledger.refuse()
        runtime.delete(config, container).expect()
    else:
        assert (answer.addresses, ledger.verbs()) == (["10.9.0.50/24"], ["DEL", "ADD"])
        runtime.delete(config, container).expect()
    assert (ledger.leases(), remains.rows(runtime.state_dir)) == (0, NOTHING)


def others(runtime: Runtime, ledger: Ledger, place: Path) -> dict[str, Json]:
    """Configurations of one network with addresses from different places."""
    ranges = [[{"subnet": SUBNET4, "rangeStart": "10.9.0.30"}]]
    return {
        "pool": {"type": "cni-macvlan-py", "ranges": ranges},
        "static": {"type": "static", "addresses": [{"address": "10.9.0.40/24"}]},
        "directory": {"type": "host-local", "dataDir": str(runtime.data_dir), "ranges": ranges},
        "another directory": {"type": "host-local", "dataDir": str(place), "ranges": ranges},
        "executed": ledger.ipam(50),
        "executed otherwise": ledger.ipam(51),
        "none": {},
    }


CHANGES = [
    ("directory", "static"), ("directory", "pool"), ("directory", "another directory"), ("directory", "executed"),
    ("directory", "none"), ("pool", "executed"), ("pool", "directory"), ("static", "executed"),
    ("executed", "pool"), ("executed", "static"), ("executed", "directory"), ("executed", "executed otherwise"),
    ("executed", "none"),
]  # fmt: skip


@pytest.fixture(params=CHANGES, ids=[" then ".join(each) for each in CHANGES])
def changed(request: pytest.FixtureRequest, runtime: Runtime, ledger: Ledger, tmp_path: Path) -> tuple[Json, Json]:
    """A network before and after its ``ipam`` object has changed."""
    before, after = (others(runtime, ledger, tmp_path / "other")[each] for each in request.param)
    return runtime.config(before, cniVersion="1.1.0"), runtime.config(after, cniVersion="1.1.0")


def require_nothing(runtime: Runtime, ledger: Ledger) -> None:
    assert (runtime.held(), ledger.leases(), remains.rows(runtime.state_dir)) == ([], 0, NOTHING)


def test_del_releases_what_add_recorded(lan: Lan, runtime: Runtime, ledger: Ledger, changed: tuple[Json, Json]) -> None:
    container = lan.container()
    runtime.add(changed[0], container).expect()
    runtime.delete(changed[1], container).expect()
    assert container.links() == ["lo"]
    require_nothing(runtime, ledger)


def test_gc_releases_what_add_recorded(lan: Lan, runtime: Runtime, ledger: Ledger, changed: tuple[Json, Json]) -> None:
    container = lan.container()
    runtime.add(changed[0], container).expect()
    runtime.gc(changed[1]).expect()
    assert container.links() == ["lo"]
    require_nothing(runtime, ledger)


def test_the_next_add_releases_what_an_unfinished_one_recorded(
    lan: Lan, runtime: Runtime, ledger: Ledger, changed: tuple[Json, Json]
) -> None:
    container = lan.container()
    runtime.add(changed[0], container).expect()
    container.batch("link del net1")
    runtime.add(changed[1], container).expect()
    runtime.delete(changed[1], container).expect()
    require_nothing(runtime, ledger)


def test_people_release_what_add_recorded(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    """Without any file that has the configuration."""
    operator = Operator(runtime)
    config = runtime.config(ledger.ipam(secret="kept"), args={"cni": {}})  # noqa: S106 - none
    containers = [lan.container() for _ in range(2)]
    for number, container in enumerate(containers):
        runtime.add(config | {"ipam": ledger.ipam(50 + number)}, container, args="IgnoreUnknown=1;K=V").expect()
    containers[0].remove()
    ledger.calls()
    done = operator.ask("gc", "--yes", "--cni-path", "/nonexistent")["attachments"]
    done += operator.ask("leases", "release", "--container", containers[1].name, "--yes")["attachments"]
    assert [each["outcome"] for each in done] == ["removed", "removed"]
    calls = ledger.calls()
    assert [(call["verb"], call["container"], call["args"], call["netns"]) for call in calls] == [
        ("DEL", container.name, "IgnoreUnknown=1;K=V", str(container.path)) for container in containers
    ]
    assert [call["config"] for call in calls] == [config | {"ipam": ledger.ipam(50 + number)} for number in range(2)]
    require_nothing(runtime, ledger)


def test_gc_forgets_by_force_what_nobody_takes_back(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    operator = Operator(runtime)
    containers = [lan.container() for _ in range(2)]
    for number, container in enumerate(containers):
        runtime.add(runtime.config(ledger.ipam(50 + number)), container).expect()
        container.remove()
    ledger.refuse("DEL")
    for refused in operator.ask("gc", "--yes", status=1)["attachments"]:
        assert (refused["outcome"], "DEL is refused" in refused["reason"]) == ("failed", True)
    ledger.path.unlink()
    for missing in operator.ask("gc", "--yes", status=1)["attachments"]:
        assert (missing["outcome"], 'failed to find plugin "ledger"' in missing["reason"]) == ("failed", True)
        assert "--force" in missing["reason"]
    assert remains.rows(runtime.state_dir) == {"attachment": 2, "lease": 0}
    told = operator.run("gc", "--yes", "--force")
    assert told.returncode == 0
    assert told.stderr.count('what IPAM plugin "ledger" gave stays taken there') == len(containers)
    assert remains.rows(runtime.state_dir) == NOTHING


def test_a_runtime_is_not_failed_for_a_plugin_that_is_gone(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    """DEL and GC leave the record, by which it can be asked when it is there again."""
    container, config = lan.container(), runtime.config(ledger.ipam(), cniVersion="1.1.0")
    runtime.add(config, container).expect()
    away = ledger.path.rename(ledger.path.with_name("away"))
    runtime.delete(config, container).expect()
    runtime.gc(runtime.config(cniVersion="1.1.0")).expect()
    assert (container.links(), remains.rows(runtime.state_dir)) == (["lo"], ONE)
    away.rename(ledger.path)
    runtime.gc(runtime.config(cniVersion="1.1.0")).expect()
    require_nothing(runtime, ledger)


def test_a_link_is_there_when_a_plugin_that_needs_it_is_asked(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    """In DEL, in GC, and where an ADD is undone; a plugin that refuses keeps no link."""
    runtime.settings.write_text(f'{runtime.settings.read_text()}release_before_link = ["dhcp", "ledger"]\n')
    container, config = lan.container(), runtime.config(ledger.ipam(), cniVersion="1.1.0")

    def require_asked_with_link() -> None:
        assert [(call["verb"], call["link"]) for call in ledger.calls()] == [("ADD", True), ("DEL", True)]
        assert container.links() == ["lo"]

    runtime.add(config, container).expect()
    runtime.delete(config, container).expect()
    require_asked_with_link()
    runtime.add(config, container).expect()
    runtime.gc(config).expect()
    ledger.calls().pop()  # its own GC
    assert container.links() == ["lo"]
    unusable = '"routes": [{"dst": "198.51.100.0/24", "gw": "203.0.113.1"}]'
    ledger.path.write_text(ledger.path.read_text().replace('"ips":', f'{unusable}, "ips":'))
    assert runtime.add(config, container).code == 105
    require_asked_with_link()
    require_nothing(runtime, ledger)


def test_a_plugin_that_needs_the_link_and_refuses_keeps_none(lan: Lan, runtime: Runtime, ledger: Ledger) -> None:
    runtime.settings.write_text(f'{runtime.settings.read_text()}release_before_link = ["ledger"]\n')
    container, config = lan.container(), runtime.config(ledger.ipam())
    runtime.add(config, container).expect()
    ledger.refuse("DEL")
    ledger.calls()
    answer = runtime.delete(config, container)
    assert (answer.code, answer.msg) == (77, "DEL is refused")
    assert (ledger.verbs(), container.links(), remains.rows(runtime.state_dir)) == (["DEL"], ["lo"], ONE)
    ledger.refuse()
    runtime.delete(config, container).expect()
    require_nothing(runtime, ledger)
