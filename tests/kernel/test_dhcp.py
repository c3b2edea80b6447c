"""Addresses of a DHCP server: the reference's ``dhcp``, whose daemon leases over the interface that we made."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests import kernel_state
from tests import lan as test_lan
from tests.agent.process import SECONDS, until
from tests.crash import remains
from tests.lan import GATEWAY4
from tests.runtime import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

LEASED = "10.9.0.77"
SERVER = f"""
start {LEASED}
end {LEASED}
interface eth0
lease_file LEASES
pidfile /dev/null
option subnet 255.255.255.0
option router {GATEWAY4}
"""
NOTHING = {"attachment": 0, "lease": 0}


@contextmanager
def running(where: Namespace, *argv: str) -> Iterator[None]:
    """A program inside a namespace, for the length of a block."""
    process = subprocess.Popen(["nsenter", f"--net={where.path}", *argv], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


@contextmanager
def dhcp(lan: Lan, runtime: Runtime, directory: Path) -> Iterator[Json]:
    """A server on the LAN, the daemon on the node, and the ``ipam`` object that leads there."""
    (runtime.cni_path / "dhcp").symlink_to(REFERENCE / "dhcp")
    leases, server, daemon = directory / "leases", directory / "udhcpd.conf", directory / "dhcp.sock"
    leases.touch()
    server.write_text(SERVER.replace("LEASES", str(leases)))
    with (
        running(lan.peer, "busybox", "udhcpd", "-f", str(server)),
        running(lan.node, str(REFERENCE / "dhcp"), "daemon", "-socketpath", str(daemon)),
    ):
        until(daemon.exists, "the daemon listens")
        yield {"type": "dhcp", "daemonSocketPath": str(daemon)}


def test_address_of_a_dhcp_server(lan: Lan, runtime: Runtime, tmp_path: Path) -> None:
    container = lan.container()
    lan.peer.batch(f"neigh add {LEASED} lladdr 02:00:00:00:00:77 nud reachable dev eth0")
    with dhcp(lan, runtime, tmp_path) as ipam:
        config = runtime.config(ipam)
        assert runtime.add(config, container).addresses == [f"{LEASED}/24"]
        (known,) = lan.peer.ip("neigh", "show", "to", LEASED)
        assert known["lladdr"] == test_lan.mac_of(container, "net1"), "whoever knew another MAC address was told"
        assert [route["gateway"] for route in kernel_state.routes(container) if route["dst"] == "default"] == [GATEWAY4]
        assert test_lan.reachable({"gateway": (container, GATEWAY4)}) == {"gateway": True}
        runtime.check(config, container).expect()
        runtime.delete(config, container).expect()
    assert container.links() == ["lo"]
    assert remains.rows(runtime.state_dir) == NOTHING


def test_without_daemon(lan: Lan, runtime: Runtime, tmp_path: Path) -> None:
    """Nothing of the ADD is left; what went wrong in it, and what with taking it back, are both told."""
    (runtime.cni_path / "dhcp").symlink_to(REFERENCE / "dhcp")
    container = lan.container()
    answer = runtime.add(runtime.config({"type": "dhcp", "daemonSocketPath": f"{tmp_path}/none"}), container)
    assert answer.document["msg"].startswith("error dialing DHCP daemon")
    assert "[999] error dialing DHCP daemon" in answer.document["details"]
    assert container.links() == ["lo"]
