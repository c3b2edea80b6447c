"""A path that depends on where its reader stands is refused: agent and door stand in different places."""

from __future__ import annotations

import json

import pytest

from conf.call import read_request
from conf.document import read_document
from conf.environment import read_environment
from conf.errors import InvalidNetworkConfig
from conf.ipam import read_ipam
from conf.request import Request, read_remains
from ipam.resolve import _data_dir

CALL = {"CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/c1", "CNI_IFNAME": "net1", "CNI_PATH": "/opt/cni/bin"}


def request(verb: str, **keys: str) -> Request:
    """A call whose ``ipam`` object has these keys beside its subnet."""
    ipam = {"type": "host-local", "subnet": "10.9.0.0/24", **keys}
    config = {"cniVersion": "1.0.0", "name": "lan", "type": "macvlan", "master": "eth0", "ipam": ipam}
    environment = read_environment(CALL | {"CNI_COMMAND": verb})
    document = read_document(json.dumps(config).encode(), verb)
    return (read_remains if verb == "DEL" else read_request)(environment, document)


@pytest.mark.parametrize("key", ["dataDir", "resolvConf"])
@pytest.mark.parametrize("path", ["leases", "./leases", "../etc/resolv.conf", "~/leases"])
def test_it_is_refused(key: str, path: str) -> None:
    with pytest.raises(InvalidNetworkConfig, match="is not an absolute path; begin it with /") as refused:
        read_ipam(request("ADD", **{key: path}))
    assert (refused.value.key, f'"ipam.{key}" is "{path}"' in refused.value.msg) == (f"ipam.{key}", True)


def test_absolute_ones_are_taken() -> None:
    read = read_ipam(request("ADD", dataDir="/run/leases", resolvConf="/etc/resolv.conf"))
    assert (read.data_dir, read.resolv_conf) == ("/run/leases", "/etc/resolv.conf")


@pytest.mark.parametrize(("configured", "taken"), [("leases", "/var/lib/cni/networks"), ("/run/leases", "/run/leases")])
def test_a_release_goes_where_a_lease_can_be(configured: str, taken: str) -> None:
    assert _data_dir(request("DEL", dataDir=configured)) == taken
