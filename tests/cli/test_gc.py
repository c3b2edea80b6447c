"""``gc`` plans, asks and removes what is left of containers that are gone, and nothing else."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.cli.operator import Operator, dual_stack, set_boot
from tests.lan import Lan
from tests.reference import NEW, reference
from tests.runtime import Runtime

pytestmark = pytest.mark.kernel
KEY = "cni.dev/valid-attachments"


@pytest.mark.parametrize("kind", ["cni-macvlan-py", "host-local"])
def test_what_is_gone_is_shown_then_removed(lan: Lan, runtime: Runtime, operator: Operator, kind: str) -> None:
    config = dual_stack(runtime, kind)
    rebooted, removed, live = containers = [lan.container() for _ in range(3)]
    for container in containers:
        runtime.add(config, container).expect()
    set_boot(runtime, rebooted.name)
    removed.remove()
    planned = operator.ask("gc", "--dry-run")
    assert planned["dryRun"]
    assert [(each["container"], each["reason"], each["outcome"]) for each in planned["attachments"]] == [
        (rebooted.name, "earlier boot", "planned"),
        (removed.name, "namespace gone", "planned"),
    ]
    refused = operator.run("gc", stdin="n\n")
    assert (refused.returncode, len(operator.leased())) == (1, 6)
    assert "namespace gone" in refused.stdout
    assert operator.run("gc", stdin="y\n").stdout.endswith("removed 2 of 2\n")
    assert operator.leased() == ["10.9.0.4", "fd00:9::4"]
    assert "net1" in live.links()
    assert operator.run("gc").stdout == "nothing to remove\n"


def test_a_layer_2_attachment_that_is_gone_is_forgotten(lan: Lan, runtime: Runtime, operator: Operator) -> None:
    container = lan.container()
    runtime.add(runtime.config(), container).expect()
    container.remove()
    (done,) = operator.ask("gc", "--yes")["attachments"]
    assert (done["container"], done["addresses"], done["outcome"]) == (container.name, [], "removed")


@pytest.mark.parametrize("form", ["list", "configuration"])
def test_a_list_of_what_is_to_stay(lan: Lan, runtime: Runtime, operator: Operator, form: str) -> None:
    """Everything else goes, with its interface, whichever program leased it."""
    config = dual_stack(runtime, "host-local")
    operator.configure(config)
    stays, goes = lan.container(), lan.container()
    for container in (stays, goes):
        runtime.add(config, container).expect()
    variables = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "theirs", "CNI_NETNS": "/x", "CNI_IFNAME": "net1"}
    subprocess.run(
        [reference(NEW) / "host-local"], env=variables | {"CNI_PATH": "/x"}, input=json.dumps(config), text=True,
        stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    valid = [{"containerID": stays.name, "ifname": "net1"}]
    if form == "list":
        words, stdin = ["--network", lan.network], json.dumps(valid)
    else:
        words, stdin = [], json.dumps({"name": lan.network, "cniVersion": "1.1.0", KEY: valid})
    assert operator.ask("gc", "--valid", "-", "--network", "other", "--dry-run", stdin=json.dumps(valid)) == {
        "dryRun": True,
        "attachments": [],
    }
    done = operator.ask("gc", "--valid", "-", *words, "--yes", stdin=stdin)
    assert {each["container"] for each in done["attachments"]} == {goes.name, "theirs"}
    assert runtime.held() == ["10.9.0.2", "fd00:9::2"]
    assert (stays.links(), goes.links()) == (["lo", "net1"], ["lo"])


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("[]", 2, "--valid has to be about one network"),
        ('{"name": "lan"}', 2, f'has no "{KEY}"'),
        ('{"name": "lan", "cni.dev/valid-attachments": [7]}', 1, "[code 7]"),
        ("nonsense", 1, "[code 6]"),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, operator: Operator, text: str, status: int, said: str) -> None:
    file = tmp_path / "valid.json"
    file.write_text(text)
    done = operator.run("gc", "--valid", file, "--yes")
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr


def test_another_ipam_plugin_is_told_by_del(lan: Lan, runtime: Runtime, operator: Operator) -> None:
    """Where the record does not say how, as one of an earlier release, a configuration has to."""
    config = runtime.config({"type": "theirs"})
    told = runtime.directory / "told"
    plugin = runtime.cni_path / "theirs"
    plugin.write_text(
        f'#!/bin/sh\necho "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME" >> {told}\n'
        """[ $CNI_COMMAND = DEL ] || echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.7/24"}]}'\n"""
    )
    plugin.chmod(0o755)
    container = lan.container()
    runtime.add(config, container).expect()
    with sqlite3.connect(runtime.state_dir / "leases.db") as db:
        db.execute("UPDATE attachment SET delegation = ''")
    db.close()
    container.remove()
    told.unlink()
    gc = ("gc", "--yes", "--cni-path", str(runtime.cni_path))
    (failed,) = operator.ask(*gc, status=1)["attachments"]
    assert failed["outcome"] == "failed"
    assert "--conf-dir" in failed["reason"]
    operator.configure(config)
    (done,) = operator.ask(*gc)["attachments"]
    assert done["outcome"] == "removed"
    assert told.read_text() == f"DEL {container.name} net1\n"
    assert operator.ask(*gc)["attachments"] == []
