"""Which variables each verb requires, and what a container id and an interface name may be."""

from __future__ import annotations

import pytest

from conf.environment import read_environment
from conf.errors import InvalidEnvironment

WHOLE = {
    "CNI_CONTAINERID": "c1",
    "CNI_NETNS": "/run/netns/c1",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin::/usr/lib/cni:",
    "CNI_ARGS": "IgnoreUnknown=1",
}


def refused(command: str, **changed: str) -> str:
    """What a call is told; its code has to be the specification's."""
    with pytest.raises(InvalidEnvironment) as caught:
        read_environment({**WHOLE, "CNI_COMMAND": command, **changed})
    assert caught.value.code == 4
    return str(caught.value)


def test_what_is_read() -> None:
    read = read_environment({**WHOLE, "CNI_COMMAND": "ADD", "CNI_NETNS_OVERRIDE": "TRUE"})
    assert (read.container_id, read.netns, read.ifname) == ("c1", "/run/netns/c1", "eth0")
    assert read.path == ("/opt/cni/bin", "/usr/lib/cni")
    assert read.netns_override
    assert not read_environment({**WHOLE, "CNI_COMMAND": "ADD", "CNI_NETNS_OVERRIDE": "no"}).netns_override


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("ADD", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"),
        ("CHECK", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"),
        ("DEL", "CNI_CONTAINERID,CNI_IFNAME,CNI_PATH"),
        ("GC", "CNI_PATH"),
    ],
)
def test_all_that_is_missing_is_named_at_once(command: str, named: str) -> None:
    said = refused(command, CNI_CONTAINERID="", CNI_NETNS="", CNI_IFNAME="", CNI_PATH="")
    assert said.startswith(f"required env variables [{named}] missing")


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("ADD", ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")),
        ("CHECK", ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")),
        ("DEL", ("CNI_CONTAINERID", "CNI_IFNAME")),
        ("GC", ("CNI_PATH",)),
        ("STATUS", ()),
        ("VERSION", ()),
    ],
)
def test_what_is_needed_is_enough(command: str, needed: tuple[str, ...]) -> None:
    read = read_environment({"CNI_COMMAND": command} | {name: WHOLE[name] for name in needed})
    assert read.command == command


@pytest.mark.parametrize("command", ["", "add", "REMOVE", "ADD "])
def test_verbs_are_those_of_the_specification(command: str) -> None:
    assert refused(command).startswith(f"unknown CNI_COMMAND: {command} ")


@pytest.mark.parametrize("name", ["-c1", ".c1", "c/1", "c 1", "ç"])
def test_container_ids(name: str) -> None:
    assert refused("ADD", CNI_CONTAINERID=name).startswith("invalid characters in containerID")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sixteen-letters-", "too long"),
        ("ÄÖÜÄÖÜÄÖ", "too long"),
        (".", "is . or .."),
        ("..", "is . or .."),
        ("net/1", "contains / or :"),
        ("net:1", "contains / or :"),
        ("net 1", "whitespace"),
        ("net\udcff", "not valid UTF-8"),
    ],
)
@pytest.mark.parametrize("command", ["ADD", "CHECK", "DEL"])
def test_names_that_the_kernel_refuses(command: str, name: str, said: str) -> None:
    assert said in refused(command, CNI_IFNAME=name)


@pytest.mark.parametrize("name", ["net%d", "all", "default"])
def test_names_that_the_kernel_would_change_are_refused_by_add_alone(name: str) -> None:
    assert f'"{name}" cannot be given' in refused("ADD", CNI_IFNAME=name)
    for command in ("CHECK", "DEL"):
        assert read_environment({**WHOLE, "CNI_COMMAND": command, "CNI_IFNAME": name}).ifname == name
