"""What an error says leads to the cure, and no input is answered as a bug of ours."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lan import SUBNET4, SUBNET6, Lan
from tests.runtime import DOOR

if TYPE_CHECKING:
    from tests.runtime import Json, Runtime


def test_a_port_names_its_bridge(lan: Lan, runtime: Runtime) -> None:
    lan.node.batch("link add br7 type bridge", "link set eth0 master br7")
    refusal = runtime.add(runtime.config(), lan.container())
    assert refusal.code == 102
    assert 'is a port of the bridge "br7"; use the bridge itself' in refusal.msg


@pytest.mark.parametrize("verb", ["ADD", "CHECK"])
def test_a_master_is_sought_in_the_container(lan: Lan, runtime: Runtime, verb: str) -> None:
    pod = lan.neighbour("10.9.0.99")
    config = runtime.config(runtime.pool(SUBNET4), linkInContainer=True)
    runtime.add(config, pod).expect()
    config |= {"prevResult": runtime.results[pod.name, "net1"], "master": "none0"}
    missing = runtime.attach(verb, config, pod)
    assert missing.code == 101
    assert "interface in the container" in missing.msg
    assert "node" not in missing.document["details"]


def test_an_address_of_no_range_names_the_ranges(lan: Lan, runtime: Runtime) -> None:
    refusal = runtime.add(
        runtime.config(runtime.pool(SUBNET4, SUBNET6), runtimeConfig={"ips": ["10.77.0.5"]}), lan.container()
    )
    assert refusal.code == 108
    assert "10.77.0.5 in none of the ranges: request an address from 10.9.0.1-10.9.0.254 and fd00:9::1-" in refusal.msg
    assert "at most one" not in refusal.msg


def test_two_addresses_of_one_range_are_too_many(lan: Lan, runtime: Runtime) -> None:
    asked = {"ips": ["10.9.0.5", "10.9.0.6"]}
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4), runtimeConfig=asked), lan.container())
    assert (refusal.code, "request at most one address from each range set" in refusal.msg) == (108, True)


@pytest.mark.parametrize("verb", ["ADD", "DEL", "CHECK"])
def test_anybody_but_root_is_told_so(lan: Lan, runtime: Runtime, verb: str) -> None:
    config = runtime.config(prevResult={"cniVersion": "1.0.0"})
    environment = {
        "PATH": os.environ["PATH"],
        "CNI_MACVLAN_SETTINGS": "/nonexistent",
        "CNI_MACVLAN_AGENT_SOCKET": "",
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": "c1",
        "CNI_IFNAME": "net1",
        "CNI_NETNS": str(lan.container().path),
        "CNI_PATH": "/nonexistent",
    }
    nobody = 65534
    done = subprocess.run(
        [DOOR], input=json.dumps(config), env=environment, cwd="/", user=nobody, group=nobody, extra_groups=[],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert answer["code"] in {5, 109}
    assert "root is needed" in answer["msg"]


WIDE = '{"cniVersion":"1.0.0","ips":[{"address":"10.9.0.9/24"}],"routes":[{"dst":"10.44.0.0/16","scope":256}]}'
ANSWERS = {
    "scope 256": (f"print('{WIDE}')", 111),
    "nested": ("print('[' * 100000)", 111),
    "nested error": ("print('{\"code\":5,\"msg\":' + '[' * 50000 + ']' * 50000 + '}'); sys.exit(1)", 111),
    "code true": ('print(\'{"code":true,"msg":"no"}\'); sys.exit(1)', 111),
    "code 10^20": ('print(\'{"code":100000000000000000000,"msg":"no"}\'); sys.exit(1)', 111),
    "code of its own": ('print(\'{"code":4294967295,"msg":"no"}\'); sys.exit(1)', 4294967295),
}


def ipam_plugin(runtime: Runtime, body: str) -> Json:
    path = runtime.cni_path / "odd"
    path.write_text(f"#!/usr/bin/python3\nimport sys\n{body}\n")
    path.chmod(0o755)
    return {"type": "odd"}


@pytest.mark.parametrize(("body", "code"), ANSWERS.values(), ids=ANSWERS.keys())
def test_odd_answers_of_an_ipam_plugin(lan: Lan, runtime: Runtime, body: str, code: int) -> None:
    container = lan.container()
    refusal = runtime.add(runtime.config(ipam_plugin(runtime, body)), container)
    assert (refusal.code, container.links()) == (code, ["lo"])


def test_odd_text_of_an_ipam_plugin_is_replaced(lan: Lan, runtime: Runtime) -> None:
    answer = r'{"cniVersion":"1.0.0","ips":[{"address":"10.9.0.9/24"}],"dns":{"domain":"a\ud800b\u0000c"}}'
    result = runtime.add(runtime.config(ipam_plugin(runtime, f"print(r'''{answer}''')")), lan.container()).expect()
    assert result["dns"]["domain"] == "a\ufffdb\ufffdc"


@pytest.mark.parametrize("levels", [120, 200, 900])
def test_a_deep_previous_result(lan: Lan, runtime: Runtime, levels: int) -> None:
    deep = json.loads('{"a":' * levels + "1" + "}" * levels)
    before = {"cniVersion": "1.0.0", "interfaces": [{"name": "e", "z": deep}]}
    container, config = lan.container(), runtime.config(prevResult=before)
    added = runtime.attach("ADD", config, container)
    assert added.code == (0 if levels < 125 else 6)
    assert runtime.attach("DEL", config, container).code == added.code


def test_a_sandbox_that_leads_nowhere(lan: Lan, runtime: Runtime) -> None:
    loop = runtime.directory / "loop"
    loop.symlink_to(loop)
    result = {"cniVersion": "1.0.0", "interfaces": [{"name": "net1", "sandbox": str(loop)}]}
    assert runtime.attach("CHECK", runtime.config(prevResult=result), lan.container()).code == 112


def test_a_master_of_many_bytes(lan: Lan, runtime: Runtime) -> None:
    assert runtime.add(runtime.config(master="x" * 66_000), lan.container()).code == 7
