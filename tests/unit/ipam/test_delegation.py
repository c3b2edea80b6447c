"""What an executed IPAM plugin was told: kept within bounds, and told again so that it finds what it gave."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from conf.document import Document, read_document
from conf.environment import read_environment
from conf.errors import IpamPluginMissing
from conf.request import VALID_ATTACHMENTS, Request, read_remains
from ipam.delegation import MOST_BYTES, delegation_of, deletion_of, read_delegation
from ipam.lease import Attachment
from tests.unit.ipam.builders import attachment

VARIABLES = {
    "CNI_CONTAINERID": "c1",
    "CNI_NETNS": "/run/netns/c1",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/there:/too",
    "CNI_ARGS": "IgnoreUnknown=1;K=\udcff",
}


def document(values: dict[str, Any], verb: str = "DEL") -> Document:
    whole = {"cniVersion": "1.1.0", "name": "lan", "type": "macvlan", **values}
    return read_document(json.dumps(whole).encode(), verb)


def request(values: dict[str, Any], verb: str = "ADD", **variables: str) -> Request:
    return read_remains(read_environment({**VARIABLES, "CNI_COMMAND": verb, **variables}), document(values, verb))


def recorded(values: dict[str, Any]) -> Attachment:
    return replace(attachment("c1"), ipam="theirs", delegation=delegation_of(request(values)))


IPAM = {"type": "theirs", "range": "10.0.0.0/8"}


def told(known: Attachment, by: Request) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(deletion_of(known, by.environment, by.document).document.stdin)
    return values


def test_a_del_with_the_same_object_goes_through_as_it_came() -> None:
    by = request({"ipam": IPAM, "prevResult": {"cniVersion": "1.1.0"}}, "DEL", CNI_PATH="/there", CNI_ARGS="A=B")
    deletion = deletion_of(recorded({"ipam": IPAM}), by.environment, by.document)
    assert deletion.document is by.document
    assert deletion.environment.args == "A=B"
    assert deletion.environment.path == ("/there", "/too")


@pytest.mark.parametrize("changed", [{"type": "theirs", "range": "10.0.0.0/9"}, {"type": "static"}, "nonsense", {}])
def test_a_del_with_another_object_is_told_what_add_was(changed: object) -> None:
    values = {"ipam": IPAM, "runtimeConfig": {"ips": ["10.0.0.1"]}, "prevResult": {}}
    by = request({"IPAM": changed, "prevResult": {"cniVersion": "1.1.0", "ips": []}}, "DEL")
    assert told(recorded(values), by) == {
        "cniVersion": "1.1.0", "name": "lan", "type": "macvlan", "ipam": IPAM,
        "runtimeConfig": {"ips": ["10.0.0.1"]}, "prevResult": {"cniVersion": "1.1.0", "ips": []},
    }  # fmt: skip


def test_gc_tells_it_what_add_did() -> None:
    by = request({"ipam": IPAM, VALID_ATTACHMENTS: []}, "GC", CNI_CONTAINERID="", CNI_NETNS="", CNI_ARGS="")
    deletion = deletion_of(recorded({"ipam": IPAM}), by.environment, by.document)
    assert VALID_ATTACHMENTS not in deletion.document.values
    variables = {name: value for name, value in deletion.environment.variables.items() if name.startswith("CNI_")}
    assert variables == {**VARIABLES, "CNI_COMMAND": "DEL"}


def test_what_is_too_large_is_kept_without_what_is_beside_or_not_at_all() -> None:
    beside = recorded({"ipam": IPAM, "runtimeConfig": {"x": "y" * MOST_BYTES}})
    assert told(beside, request({"ipam": {}}, "GC")) == {
        "cniVersion": "1.1.0", "name": "lan", "type": "macvlan", "ipam": IPAM
    }  # fmt: skip
    whole = recorded({"ipam": IPAM | {"x": "y" * MOST_BYTES}})
    assert whole.executed
    assert read_delegation(whole.delegation).path == ("/there", "/too")
    for each in (beside, whole):
        assert len(each.delegation) <= MOST_BYTES


@pytest.mark.parametrize("size", [0, MOST_BYTES])
def test_without_a_telling_a_configuration_of_its_type_will_do(size: int) -> None:
    """Of an earlier release, which recorded none, and where it was too large."""
    known = recorded({"ipam": IPAM | {"x": "y" * size}}) if size else replace(recorded({}), delegation="")
    assert known.executed
    assert told(known, request({"ipam": IPAM, VALID_ATTACHMENTS: []}, "GC"))["ipam"] == IPAM
    for by in (request({"ipam": {"type": "static"}}, "DEL"), request({}, "GC")):
        with pytest.raises(IpamPluginMissing, match="--conf-dir"):
            deletion_of(known, by.environment, by.document)
