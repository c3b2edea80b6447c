"""``lint`` finds all that is wrong in all files, says where, and finds nothing in what is right."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conf.errors import DecodingFailure
from console.configs.networks import read_json
from tests.cli.command import answered, call
from tests.runtime import REPOSITORY, Json

OFF = ("lint", "--no-node")
GOOD: Json = {
    "cniVersion": "1.1.0",
    "name": "lan",
    "type": "cni-macvlan-py",
    "master": "eth0",
    "ipam": {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24"}]]},
}


def lint(tmp_path: Path, *configs: Json, status: int = 0, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The findings in configurations, each in a file of its own."""
    files = []
    for number, config in enumerate(configs):
        files.append(tmp_path / (f"{number}.conflist" if "plugins" in config else f"{number}.conf"))
        files[-1].write_text(json.dumps(config))
    found: list[dict[str, Any]] = answered(*OFF, *options, *files, status=status)["findings"]
    return found


def ranged(*ranges: Json, **keys: object) -> Json:
    return GOOD | {"ipam": {"type": "cni-macvlan-py", "ranges": [[each] for each in ranges]}} | keys


def routed(**keys: object) -> Json:
    """With a second route that has these keys."""
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "10.44.0.0/16", **keys}]
    return GOOD | {"ipam": {**GOOD["ipam"], "routes": routes}}


def test_nothing_is_found_in_what_is_right(tmp_path: Path) -> None:
    assert lint(tmp_path, GOOD) == []
    assert lint(tmp_path, GOOD | {"mtu": 68, "bcqueuelen": 2**32 - 1, "bccutoff": -1}) == []
    assert lint(tmp_path, ranged({"subnet": "fd00:9::/64"}, mtu=1280)) == []
    assert lint(tmp_path, routed(mtu=1, advmss=2**32 - 1, priority=2**32 - 1, table=2**32 - 1, scope=254)) == []
    done = call(*OFF, tmp_path)
    assert (done.returncode, done.stdout) == (0, "errors: 0, warnings: 0\n")


@pytest.mark.parametrize(
    ("config", "key", "code", "said"),
    [
        (GOOD | {"mtu": "big"}, "mtu", 7, "valid integer"),
        (GOOD | {"mtu": -1}, "mtu", 7, "invalid MTU -1"),
        (GOOD | {"mtu": 67}, "mtu", 7, "68 or more"),
        (GOOD | {"mtu": 2**31}, "mtu", 7, "invalid MTU 2147483648"),
        (ranged({"subnet": "fd00:9::/64"}, mtu=1279), "mtu", 7, "IPv6 needs 1280"),
        (routed(scope=255), "ipam.routes[1]", 7, "scope 255, which no route has"),
        (routed(scope=254, gw="10.9.0.7"), "ipam.routes[1]", 7, "no gateway goes with that"),
        (routed(gw="fd00::1"), "ipam.routes[1]", 7, "a gateway of the other family"),
        (routed(priority=2**32), "ipam.routes[1].priority", 7, "less than or equal to 4294967295"),
        (GOOD | {"mode": "bridged"}, "mode", 7, "one of bridge"),
        (GOOD | {"promisc": False}, "promisc", 7, "passthru"),
        (GOOD | {"mac": "01:00:00:00:00:01"}, "mac", 7, "multicast"),
        (GOOD | {"name": ""}, "name", 7, "missing network name"),
        (GOOD | {"cniVersion": "9.0.0"}, "cniVersion", 1, "incompatible"),
        (GOOD | {"type": ""}, "", None, '"type" is missing'),
        (ranged({"subnet": "10.9.0.1/24"}), "ipam.ranges[0][0].subnet", 7, "host bits"),
        (ranged({"subnet": "10.9.0.0/24", "rangeEnd": "10.8.0.1"}), "ipam.ranges[0][0].rangeEnd", 7, "not in network"),
        (ranged({"subnet": "10.9.0.0/24", "exclude": ["x"]}), "ipam.ranges[0][0].exclude[0]", 7, "invalid"),
        (ranged({"rangeEnd": "10.9.0.1"}), "ipam.ranges[0][0].subnet", 7, "required"),
        (ranged({"subnet": "10.9.0.0/24"}, {"subnet": "10.9.0.0/25"}), "ipam.ranges[1][0]", 7, "overlaps with"),
        (GOOD | {"ipam": {"type": "host-local", "subnet": "10.9.0.1/24"}}, "ipam.subnet", 7, "host bits"),
        (
            GOOD | {"ipam": {"type": "static", "addresses": [{"address": "10.9.0.5"}]}},
            "ipam.addresses[0].address", 7, "CIDR",
        ),
        (
            ranged({"subnet": "10.9.0.0/24"}, {"subnet": "10.8.0.0/24"}, cniVersion="0.2.0"),
            "cniVersion", 7, "more than 1 address per family",
        ),
    ],
)  # fmt: skip
def test_what_an_add_would_be_refused_for(tmp_path: Path, config: Json, key: str, code: int, said: str) -> None:
    (found,) = lint(tmp_path, config, status=1)
    assert (found["key"], found["severity"], found["code"]) == (key, "error", code)
    assert said in found["message"]


@pytest.mark.parametrize(
    ("config", "key", "said"),
    [
        (GOOD | {"maste": "eth0"}, "maste", 'did you mean "master"?'),
        (ranged({"subnet": "10.9.0.0/24", "rangeStrat": "10.9.0.9"}), "ipam.ranges[0][0].rangeStrat", '"rangeStart"?'),
        ({key: value for key, value in GOOD.items() if key != "cniVersion"}, "cniVersion", "0.1.0"),
        (GOOD | {"cniVersion": "1.0.0", "disableGC": True}, "disableGC", 'from "cniVersion" 1.1.0 on'),
        (GOOD | {"capabilities": {"portMappings": True}}, "capabilities", '"portMappings" is not served'),
        (GOOD | {"prevResult": {"cniVersion": "1.1.0"}}, "prevResult", "filled in by the runtime"),
    ],
)  # fmt: skip
def test_what_does_something_else_than_was_meant(tmp_path: Path, config: Json, key: str, said: str) -> None:
    (found,) = lint(tmp_path, config)
    assert (found["key"], found["severity"], found["code"]) == (key, "warning", None)
    assert said in found["message"]
    lint(tmp_path, config, status=1, options=("--strict",))


def test_all_that_is_wrong_in_one_list_is_found_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "lan.conflist"
    file.write_text("""{
        "cniVersion": "1.1.0", "name": "lan",
        "plugins": [
            {"type": "macvlan", "master": "eth0",
             "mtu": "big",
             "mode": "bridged",
             "mod": "x",
             "ipam": {"type": "host-local",
                      "routes": [{"dst": "0.0.0.0"}],
                      "ranges": [[{"subnet": "10.9.0.1/24",
                                   "gatewy": "10.9.0.1"}],
                                 [{"subnet": "10.8.0.1/24"}]]}},
            {"typ": "tuning"}]}""")
    done = call(*OFF, file)
    places = re.findall(rf"^{file}:(\d+): (\w+): ([^:]+): ", done.stdout, re.MULTILINE)
    assert done.returncode == 1
    assert sorted(places, key=lambda place: int(place[0])) == [
        ("5", "error", "plugins[0].mtu"),
        ("6", "error", "plugins[0].mode"),
        ("7", "warning", "plugins[0].mod"),
        ("9", "error", "plugins[0].ipam.routes[0].dst"),
        ("10", "error", "plugins[0].ipam.ranges[0][0].subnet"),
        ("11", "warning", "plugins[0].ipam.ranges[0][0].gatewy"),
        ("12", "error", "plugins[0].ipam.ranges[1][0].subnet"),
        ("13", "error", "plugins[1]"),
    ]
    assert done.stdout.endswith("errors: 6, warnings: 2\n")


def test_a_key_that_stands_twice_in_one_object(tmp_path: Path) -> None:
    (tmp_path / "lan.conf").write_text(
        json.dumps(GOOD)[:-1] + ',\n"master": "eth1",\n"ipam": {"type": "static", "addresses": [], "type": "static"}}'
    )
    found = answered(*OFF, tmp_path / "lan.conf")["findings"]
    assert [(each["line"], each["key"], each["severity"]) for each in found] == [
        (2, "master", "warning"), (3, "ipam", "warning"), (3, "ipam.type", "warning"),
    ]  # fmt: skip
    assert "only the last counts" in found[0]["message"]


MANIFESTS = """\
kind: Deployment
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: shop}
spec:
  config: |
    {"cniVersion": "1.1.0", "type": "macvlan", "master": "eth0",
     "mode": "x"}
---
kind: List
items:
- kind: NetworkAttachmentDefinition
  metadata: {name: empty}
- kind: NetworkAttachmentDefinition
  metadata: {name: broken}
  spec: {config: '{"type": '}
- kind: NetworkAttachmentDefinition
  metadata: {name: right}
  spec:
    config: '{"cniVersion": "1.1.0", "type": "macvlan", "master": "eth0"}'
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("null", "a JSON object is needed"),
        ("\ufeff" + json.dumps(GOOD), "Unexpected UTF-8 BOM"),
        ('{"cniVersion": "1.1.0", "name": "lan", "cniVersions": 7, "plugins": [{"type": "x"}]}', "no list of strings"),
        ('{"name": "lan", "x": ' + "[" * 100_000, "it is nested deeper than 128 levels"),
    ],
    ids=["empty", "null", "byte order mark", "cniVersions", "deep"],
)
def test_files_that_a_runtime_would_not_read(tmp_path: Path, text: str, said: str) -> None:
    """What YAML would take for a document is none in a .conf; and one such file keeps no command from its work."""
    (tmp_path / ("lan.conflist" if "plugins" in text else "lan.conf")).write_text(text)
    (found,) = answered(*OFF, tmp_path, status=1)["findings"]
    assert said in found["message"]
    assert call("leases", "--conf-dir", tmp_path).returncode == 0


def test_nesting_that_is_just_too_deep() -> None:
    """Where the decoder still gets to the end of it, and who looks for lines would not."""
    for depth in range(850, 1000):
        with suppress(DecodingFailure):
            read_json("x", '{"x": ' + "[" * depth + "]" * depth + "}")


def test_nothing_at_all_is_not_right(tmp_path: Path) -> None:
    """The program before us in the pipe has failed, or the directory was another one."""
    (tmp_path / "nad.yaml").write_text(MANIFESTS)
    assert call(*OFF, "-").returncode == 1
    (found,) = answered(*OFF, tmp_path, status=1)["findings"]
    assert (found["file"], found["message"].partition(";")[0]) == (str(tmp_path), "there is no configuration in it")


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "a: &a [x]\nb: &b [*a, *a]\nkind: List\nitems: *b\n"])
def test_yaml_made_to_hurt(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    done = call(*OFF, tmp_path / "x.yaml")
    assert (done.returncode in {0, 1}, done.stderr) == (True, "")
    assert done.stdout.splitlines()[-1].startswith("errors: ")


def test_a_file_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_bytes(b"\xff")
    for name in ("x.conf", "none.conf"):
        done = call(*OFF, tmp_path / name)
        assert done.stdout.count(name) == 1
    assert call(*OFF, "-", prefix=("sh", "-c", f'exec "$@" <{tmp_path}/x.conf', "sh")).stdout.startswith(
        "stdin: error:"
    )


def test_a_finding_is_one_line_whatever_is_written_there(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_text(json.dumps(GOOD | {"mas\nter\x1b[2J": "eth0"}))
    found, summary = call(*OFF, tmp_path / "x.conf").stdout.splitlines()
    assert '"mas\\nter\\x1b[2J" is not known' in found
    assert summary == "errors: 0, warnings: 1"


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_manifests(tmp_path: Path, source: str) -> None:
    file = tmp_path / "networks.yaml"
    file.write_text(MANIFESTS)
    found = answered(*OFF, "-" if source == "stdin" else file, stdin=MANIFESTS if source == "stdin" else "", status=1)[
        "findings"
    ]
    assert [(each["line"], each["key"], each["code"]) for each in found] == [
        (9, "mode", 7),
        (13, "", None),
        (17, "", 6),
    ]
    assert {each["file"] for each in found} == {"stdin" if source == "stdin" else str(file)}


def test_what_is_no_configuration_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('{"name": ')
    (tmp_path / "b.yaml").write_text("a: [1")
    (tmp_path / "c.conf").write_text(json.dumps(GOOD | {"mtu": "x"}))
    found = answered(*OFF, *(tmp_path / name for name in ("a.conf", "b.yaml", "none", "c.conf")), status=1)["findings"]
    assert [(Path(each["file"]).name, each["code"]) for each in found] == [
        ("a.conf", 6), ("b.yaml", 6), ("none", 5), ("c.conf", 7)
    ]  # fmt: skip


def test_networks_that_would_give_an_address_twice(tmp_path: Path) -> None:
    first, second = GOOD, ranged({"subnet": "10.9.0.0/25"}, name="wlan")
    (found,) = lint(tmp_path, first, second)
    assert (found["file"], found["key"]) == (str(tmp_path / "1.conf"), "ipam.ranges[0][0].subnet")
    assert f'10.9.0.1-10.9.0.254 of network "lan" in {tmp_path / "0.conf"}' in found["message"]
    static = {"ipam": {"type": "static", "addresses": [{"address": "10.9.0.7/24"}]}}
    (found,) = lint(tmp_path, first, GOOD | static | {"name": "fixed"})
    assert found["key"] == "ipam.addresses[0].address"
    assert lint(tmp_path, first, second | {"master": "eth1"}) == []
    assert lint(tmp_path, first, ranged({"subnet": "10.8.0.0/25"}, name="wlan")) == []
    (found,) = lint(tmp_path, first, GOOD)
    assert "is also in" in found["message"]


def test_addresses_that_others_give(tmp_path: Path) -> None:
    """Nobody knows where a bridge's frames go; what is excluded is not given."""
    ipam = {"type": "host-local", "subnet": "10.9.0.0/28"}
    bridge = {"cniVersion": "1.0.0", "name": "docker", "type": "bridge", "ipam": ipam}
    (found,) = lint(tmp_path, GOOD, bridge)
    assert (found["file"], found["key"]) == (str(tmp_path / "1.conf"), "ipam.subnet")
    assert lint(tmp_path, bridge, bridge | {"name": "podman"}) == []
    fixed = GOOD | {"name": "fixed", "ipam": {"type": "static", "addresses": [{"address": "10.9.0.7/24"}]}}
    assert lint(tmp_path, ranged({"subnet": "10.9.0.0/24", "exclude": ["10.9.0.7"]}), fixed) == []


@pytest.mark.parametrize(
    ("config", "key", "said"),
    [
        ({"cniVersion": "1.0.0", "type": "bridge"}, "name", "missing network name"),
        ({"cniVersion": "1.0.0", "name": "lan", "plugins": []}, "plugins", "no list of objects"),
        ({"cniVersion": "1.0.0", "name": "lan", "plugins": {"type": "bridge"}}, "plugins", "no list of objects"),
        ({"cniVersion": "1.0.0", "name": "lan", "plugins": [{"type": "bridge"}, 7]}, "plugins", "no list of objects"),
    ],
)
def test_what_a_runtime_stumbles_over_whosever_plugins_they_are(
    tmp_path: Path, config: Json, key: str, said: str
) -> None:
    (found,) = lint(tmp_path, config, status=1)
    assert (found["key"], found["severity"]) == (key, "error")
    assert said in found["message"]


def test_keys_in_any_case(tmp_path: Path) -> None:
    """A plugin reads them so; the ranges of both are those of one LAN."""
    shouted = {key if key in {"cniVersion", "name"} else key.upper(): value for key, value in GOOD.items()}
    (found,) = lint(
        tmp_path, GOOD, shouted | {"name": "wlan", "IPAM": {"TYPE": "cni-macvlan-py", "SUBNET": "10.9.0.0/25"}}
    )
    assert "overlaps" in found["message"]


@pytest.mark.parametrize(
    ("name", "config", "key", "said"),
    [
        ("lan.conf", {"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "x"}]}, "plugins", "lan.conflist"),
        ("lan.json", {"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "x"}]}, "plugins", "lan.conflist"),
        ("lan.conflist", GOOD, "type", "lan.conf"),
    ],
)
def test_the_ending_says_what_is_in_it(tmp_path: Path, name: str, config: Json, key: str, said: str) -> None:
    """Runtimes go by it, and refuse what is not there."""
    (tmp_path / name).write_text(json.dumps(config))
    (found,) = answered(*OFF, tmp_path, status=1)["findings"]
    assert (found["key"], found["severity"]) == (key, "error")
    assert found["message"].endswith(f"mv {tmp_path / name} {tmp_path / said}")


def test_configurations_that_the_documentation_shows(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs/configuration.md").read_text()
    shown = re.findall(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for number, block in enumerate(shown):
        ending = "conflist" if "plugins" in json.loads(block) else "conf"
        (tmp_path / f"{number}.{ending}").write_text(block)
    assert shown
    assert answered(*OFF, tmp_path)["errors"] == 0
