"""Addresses of a DHCP server: the reference's ``dhcp``, whose daemon leases over the interface that we made."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests import kernel_state
from tests import lan as test_lan
from tests.agent.process import SECONDS, until
from tests.cli.operator import Operator
from tests.crash import remains
from tests.frames import Capture, dhcp_release, gratuitous_arp
from tests.lan import GATEWAY4
from tests.runtime import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def test_each_del_gives_the_lease_back(lan: Lan, runtime: Runtime, tmp_path: Path) -> None:
    """One DHCPRELEASE, by which a server with a single address can give it to the next container."""
    with dhcp(lan, runtime, tmp_path) as ipam, Capture(lan.peer) as wire:
        config = runtime.config(ipam)
        of_gc = runtime.config(cniVersion="1.1.0")  # which the plugin does not know, and is not asked in
        verbs = ("DEL", "GC", "DEL")
        for verb in verbs:
            container = lan.container()
            assert runtime.add(config, container).addresses == [f"{LEASED}/24"]
            (runtime.gc(of_gc) if verb == "GC" else runtime.delete(config, container)).expect()
            assert container.links() == ["lo"]
        last = lan.container()
        runtime.add(config, last).expect()
        mac = bytes.fromhex(test_lan.mac_of(last, "net1").replace(":", ""))
        assert wire.saw(lambda frame: gratuitous_arp(LEASED)(frame) and frame[6:12] == mac)
        assert sum(map(dhcp_release(LEASED), wire.frames)) == len(verbs)
        runtime.delete(config, last).expect()
    assert remains.rows(runtime.state_dir) == NOTHING


def test_del_without_daemon(lan: Lan, runtime: Runtime, tmp_path: Path) -> None:
    """The interface goes, and the record stays until somebody can be asked."""
    container = lan.container()
    with dhcp(lan, runtime, tmp_path) as ipam:
        config = runtime.config(ipam)
        runtime.add(config, container).expect()
    answer = runtime.delete(config, container)
    assert answer.msg.count("error dialing DHCP daemon") == 1
    assert (container.links(), remains.rows(runtime.state_dir)) == (["lo"], {"attachment": 1, "lease": 0})
    operator = Operator(runtime)
    container.remove()
    operator.ask("gc", "--yes", status=1)
    Path(ipam["daemonSocketPath"]).unlink()
    with running(lan.node, str(REFERENCE / "dhcp"), "daemon", "-socketpath", ipam["daemonSocketPath"]):
        until(Path(ipam["daemonSocketPath"]).exists, "the daemon listens")
        assert [each["outcome"] for each in operator.ask("gc", "--yes")["attachments"]] == ["removed"]
    assert remains.rows(runtime.state_dir) == NOTHING


def test_without_daemon(lan: Lan, runtime: Runtime, tmp_path: Path) -> None:
    """Nothing of the ADD is left, no record either; what went wrong is told once, with what to do."""
    (runtime.cni_path / "dhcp").symlink_to(REFERENCE / "dhcp")
    container = lan.container()
    answer = runtime.add(runtime.config({"type": "dhcp", "daemonSocketPath": f"{tmp_path}/none"}), container)
    assert answer.msg.startswith("error dialing DHCP daemon")
    assert answer.msg.count("error dialing DHCP daemon") == 1
    assert answer.msg.endswith(f"; start it on this node, as root: {runtime.cni_path}/dhcp daemon")
    assert container.links() == ["lo"]
    assert remains.rows(runtime.state_dir) == NOTHING
