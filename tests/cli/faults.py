"""Faults of a node, each a way to plant it and what ``doctor`` has to say of it."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from link.macvlan import temporary_name
from tests.lan import mac_of
from tests.runtime import DOOR, REFERENCE, REPOSITORY, ROLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.sickroom import Sickroom
    from tests.namespaces import Namespace


@dataclass(frozen=True)
class Fault:
    """How to make a node ill; the check that finds it, and words of what is found and of the cure."""

    plant: Callable[[Sickroom], object]
    check: str
    found: str
    cure: str
    severity: str = "error"


def conf(**keys: object) -> Callable[[Sickroom], object]:
    """Another configuration of our plugin."""
    return lambda room: room.write("50-lan.conflist", plugins=[room.plugin(**keys)])


def ranges(**keys: object) -> dict[str, object]:
    return {"type": DOOR.name, "ranges": [[{"subnet": "10.9.0.0/24", **keys}]]}


def attached(room: Sickroom) -> Namespace:
    """A container on the network."""
    container = room.lan.container()
    room.runtime.add(room.config(), container, plugin=DOOR.name).expect()
    return container


def age(room: Sickroom) -> None:
    """All calls were long ago."""
    with closing(sqlite3.connect(room.runtime.state_dir / "leases.db")) as database:
        database.execute("UPDATE attachment SET created = created - 1000")
        database.commit()


def settings(text: str) -> Callable[[Sickroom], object]:
    return lambda room: room.places["settings"].write_text(text)


def node(*commands: str) -> Callable[[Sickroom], object]:
    return lambda room: room.lan.node.batch(*commands)


def bridge_port(room: Sickroom) -> None:
    room.lan.node.batch("link add br7 type bridge", "link set eth0 master br7")


def without_ipv6(room: Sickroom) -> None:
    conf(ipam=ranges() | {"ranges": [[{"subnet": "fd00:9::/64"}]]})(room)
    room.before = "mount -t tmpfs tmpfs /proc/sys/net"


def filtered_bridge(room: Sickroom) -> None:
    """As with the module br_netfilter."""
    room.lan.node.batch("link add br7 type bridge", "link set br7 up")
    conf(master="br7")(room)
    room.before = (
        "mount -t tmpfs tmpfs /proc/sys/net; mkdir /proc/sys/net/bridge; "
        "echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables"
    )


def nothing_at_all(room: Sickroom) -> None:
    shutil.rmtree(room.places["conf-dir"])
    replaced(room, lambda _: None)


def foreign_macvlan(room: Sickroom) -> None:
    """The reference's is still there under the name that the network has."""
    conf(type="macvlan")(room)
    replaced(room, lambda path: (path.parent / "macvlan").unlink())
    (room.places["bin-dir"] / "macvlan").symlink_to(REFERENCE / "macvlan")


def dhcp(daemon_socket: str = "none.sock") -> Callable[[Sickroom], Path]:
    """A network whose addresses come from the reference's ``dhcp``; returns where its daemon should listen."""

    def plant(room: Sickroom) -> Path:
        (room.places["bin-dir"] / "dhcp").symlink_to(REFERENCE / "dhcp")
        path = room.places["conf-dir"].parent / daemon_socket
        conf(ipam={"type": "dhcp", "daemonSocketPath": str(path)})(room)
        return path

    return plant


def dead_dhcp_daemon(room: Sickroom) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(dhcp("dhcp.sock")(room)))


def misplaced(file: str) -> Callable[[Sickroom], None]:
    """The network's file where no runtime looks; what is beside it is a copy, or none of ours."""

    def plant(room: Sickroom) -> None:
        place = room.places["conf-dir"]
        room.write("60-x.conflist", name="x", plugins=[room.plugin()])
        (place / "60-x.conflist.bak").write_text((place / "60-x.conflist").read_text())
        room.write("README.txt").write_text("as macvlan, our own type of network")
        (place / file).parent.mkdir(exist_ok=True)
        (place / "50-lan.conflist").rename(place / file)

    return plant


def podman(conf: str, noted: str = "", file: str = "50-lan.conflist") -> Callable[[Sickroom], None]:
    """A node with podman, which has these settings and this note of the backend that it once chose."""

    def plant(room: Sickroom) -> None:
        room.places["podman"].touch(0o755)
        room.places["containers-conf"].write_text('[network]\nnetwork_backend = ""')
        drop_ins = room.places["containers-conf"].with_name("containers-conf.d")
        drop_ins.mkdir()
        (drop_ins / "10-x.conf").write_text(conf)
        room.places["containers-storage"].mkdir()
        if noted:
            (room.places["containers-storage"] / "defaultNetworkBackend").write_text(noted)
        (room.places["conf-dir"] / "50-lan.conflist").unlink()
        room.write(file, **({"plugins": [room.plugin()]} if file.endswith("conflist") else room.plugin()))

    return plant


def installed_netavark(room: Sickroom) -> None:
    podman(conf="")(room)
    room.before = "mount -t tmpfs tmpfs /usr/lib/podman; install /dev/null /usr/lib/podman/netavark"


def dangling(room: Sickroom) -> None:
    link = room.places["bin-dir"] / "host-local"
    link.unlink()
    link.symlink_to("/opt/nowhere/current/entry")


def replaced(room: Sickroom, make: Callable[[Path], object]) -> None:
    """Put something else where runtimes look for the plugin."""
    path = room.places["bin-dir"] / DOOR.name
    path.unlink()
    make(path)


def release(room: Sickroom, name: str, *, complete: bool = True) -> Path:
    """A release of the plugin in the application directory, with or without its packages."""
    home = room.places["app-dir"] / "releases" / name
    home.mkdir(parents=True)
    for part in ("conf", "ipam", "link", "plugin", "agent", "console"):
        (home / part).symlink_to(REPOSITORY / part)
    if complete:
        (home / ".venv").symlink_to(REPOSITORY / ".venv")
    shutil.copy(DOOR, home)
    project = (REPOSITORY / "pyproject.toml").read_text()
    (home / "pyproject.toml").write_text(project.replace('version = "', f'version = "{name}+', 1))
    return home


def broken_packages(room: Sickroom) -> None:
    home = release(room, "9.9", complete=False)
    (home / "site-packages").mkdir()
    replaced(room, lambda path: path.symlink_to(home / DOOR.name))


def old_release(room: Sickroom) -> None:
    old, new = release(room, "1.0"), release(room, "2.0")
    (room.places["app-dir"] / "current").symlink_to(new)
    for role in ROLES:
        (room.places["bin-dir"] / role).unlink()
    replaced(room, lambda path: path.symlink_to(old / DOOR.name))


def hypervisor(driver: str, product: str) -> Callable[[Sickroom], None]:
    """Sysfs as it looks on such a machine."""

    def plant(room: Sickroom) -> None:
        sysfs = room.places["sysfs"]
        (sysfs / "drivers" / driver).mkdir(parents=True)
        (sysfs / "class/net/eth0/device").mkdir(parents=True)
        (sysfs / "class/net/eth0/device/driver").symlink_to(sysfs / "drivers" / driver)
        (sysfs / "class/dmi/id").mkdir(parents=True)
        (sysfs / "class/dmi/id/product_name").write_text(f"{product}\n")

    return plant


def stale_socket(room: Sickroom) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(room.places["socket"]))
    room.places["socket"].chmod(0o600)


def open_socket(room: Sickroom) -> None:
    stale_socket(room)
    room.places["socket"].chmod(0o666)


def auto_and_unit(room: Sickroom) -> None:
    (room.places["units"] / "cni-macvlan-py-agent.socket").write_text("[Socket]\n")
    with room.places["settings"].open("a") as file:
        file.write('agent = "auto"\n')


def pragma(statement: str) -> Callable[[Sickroom], object]:
    """A lease database that was changed by such a statement."""

    def plant(room: Sickroom) -> None:
        attached(room)
        with closing(sqlite3.connect(room.runtime.state_dir / "leases.db")) as database:
            database.execute(statement)
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return plant


def damage(room: Sickroom) -> None:
    pragma("UPDATE attachment SET created = 0")(room)
    database = room.runtime.state_dir / "leases.db"
    content = bytearray(database.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\xa5" * 4096
    database.write_bytes(content)


def mounted(options: str, fill: str = "") -> Callable[[Sickroom], None]:
    """A state directory on such a file system, which only doctor's mount namespace has."""

    def plant(room: Sickroom) -> None:
        state = room.runtime.state_dir
        state.mkdir(mode=0o700)
        room.before = f"mount -t tmpfs -o {options},mode=700 tmpfs {state}; {fill.format(state=state)}"

    return plant


def loose(room: Sickroom) -> None:
    attached(room)
    (room.runtime.state_dir / "leases.db").chmod(0o644)


def earlier_boot(room: Sickroom) -> None:
    pragma("UPDATE attachment SET boot_id = 'earlier'")(room)


def killed_container(room: Sickroom) -> None:
    attached(room).remove()


def lost_record(room: Sickroom) -> None:
    attached(room)
    with closing(sqlite3.connect(room.runtime.state_dir / "leases.db")) as database:
        for statement in ("DELETE FROM lease", "DELETE FROM used", "DELETE FROM attachment"):
            database.execute(statement)
        database.commit()


def removed_link(room: Sickroom) -> None:
    attached(room).batch("link delete net1")
    age(room)


def killed_add(room: Sickroom) -> None:
    attached(room).run("ip", "link", "set", "net1", "alias", "")
    age(room)


def killed_before_rename(room: Sickroom) -> None:
    container = room.lan.container()
    name = temporary_name("c1", "net1")
    room.lan.node.batch(f"link add link eth0 name {name} netns {container.name} type macvlan mode bridge")


def nearly_exhausted(room: Sickroom) -> None:
    conf(ipam=ranges(rangeStart="10.9.0.10", rangeEnd="10.9.0.11"))(room)
    config = room.config(ipam=ranges(rangeStart="10.9.0.10", rangeEnd="10.9.0.11"))
    for _ in range(2):
        room.runtime.add(config, room.lan.container(), plugin=DOOR.name).expect()


def exhausted_and_strict(room: Sickroom) -> None:
    nearly_exhausted(room)
    with room.places["settings"].open("a") as file:
        file.write('status_exhausted = "error"\n')


def exhausted_for_others(room: Sickroom) -> None:
    """A bridge that has its addresses from our host-local."""
    nearly_exhausted(room)
    bridge = {"type": "bridge", "ipam": {**ranges(rangeStart="10.9.0.10", rangeEnd="10.9.0.11"), "type": DOOR.name}}
    room.write("50-lan.conflist", plugins=[bridge])


def by_host_local(room: Sickroom) -> dict[str, object]:
    """The network's range, given by host-local."""
    found = ranges(rangeStart="10.9.0.10", rangeEnd="10.9.0.19")
    return found | {"type": "host-local", "dataDir": str(room.places["data-dir"])}


def moved_to_host_local(room: Sickroom) -> None:
    attached(room)
    conf(ipam=by_host_local(room))(room)


def held_twice(room: Sickroom) -> None:
    moved_to_host_local(room)
    room.runtime.add(room.config(ipam=by_host_local(room)), room.lan.container(), plugin=DOOR.name).expect()


def held_twice_and_back(room: Sickroom) -> None:
    held_twice(room)
    conf()(room)


def read_only_leases(room: Sickroom) -> None:
    conf(ipam=by_host_local(room))(room)
    room.before = f"mount -t tmpfs -o ro tmpfs {room.places['data-dir']}"


def without_journal(room: Sickroom) -> None:
    settings('log_format = "journal"')(room)
    room.before = "[ ! -d /run/systemd ] || mount -t tmpfs tmpfs /run/systemd"


def routed(gateway: str, subnet: str = "10.9.0.0/24") -> Callable[[Sickroom], None]:
    """A default route by this gateway, "" for what the range has by default."""

    def plant(room: Sickroom) -> None:
        given = {"subnet": subnet} | ({"gateway": gateway} if gateway else {})
        routes = [{"dst": "::/0" if ":" in subnet else "0.0.0.0/0"}]
        conf(ipam={"type": DOOR.name, "ranges": [[given]], "routes": routes})(room)

    return plant


def read_only_sysctls(room: Sickroom) -> None:
    routed("fd00:9::77", "fd00:9::/64")(room)
    room.before = "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys"


def router_gone(room: Sickroom) -> None:
    room.lan.peer.batch("addr del 10.9.0.1/24 dev eth0")
    routed("")(room)


def port_security(room: Sickroom) -> None:
    """The switch forwards from the node's port what has the node's own MAC address; the node knows its router."""
    routed("10.9.0.1")(room)
    room.lan.node.run("ping", "-q", "-c", "1", "-w", "60", "10.9.0.1")
    wire, mac = room.lan.wire, mac_of(room.lan.node, "eth0")
    wire.run("bridge", "fdb", "replace", mac, "dev", "node", "master", "static")
    wire.run("bridge", "link", "set", "dev", "node", "learning", "off", "locked", "on")


def passthru_use(room: Sickroom) -> None:
    room.runtime.add(room.config(mode="passthru"), room.lan.container(), plugin=DOOR.name).expect()


def shared_where_passthru(room: Sickroom) -> None:
    room.runtime.add(room.config() | {"name": "other"}, room.lan.container(), plugin=DOOR.name).expect()
    conf(mode="passthru")(room)


def foreign_leases(room: Sickroom) -> None:
    directory = room.places["data-dir"] / "docker-lan"
    directory.mkdir()
    (directory / "10.9.0.12").write_text("c9\r\neth0")


FAULTS = {
    "no right to make namespaces": Fault(
        lambda room: setattr(room, "capabilities", "-sys_admin"), "kernel-namespaces", "no network namespace", "as root"
    ),
    "no right to make interfaces": Fault(
        lambda room: setattr(room, "capabilities", "-net_admin"), "kernel-macvlan", "no macvlan", "CAP_NET_ADMIN"
    ),
    "read-only /proc/sys": Fault(
        lambda room: setattr(room, "before", "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys"),
        "kernel-sysctls", "cannot be written: Read-only", "mount /proc/sys writable",
    ),
    "no right to change mount namespaces": Fault(
        lambda room: setattr(room, "capabilities", "-sys_chroot"), "kernel-mount-namespaces", "mount", "CAP_SYS_CHROOT"
    ),
    "no IPv6": Fault(
        without_ipv6, "kernel-ipv6", "the kernel has no IPv6", "remove the ranges"
    ),
    "plugin missing": Fault(
        lambda room: replaced(room, lambda _: None), "install-plugins", "failed to find plugin",
        "make install CNI_BIN_DIR=",
    ),
    "plugin missing on a node without networks": Fault(
        nothing_at_all, "install-plugins", "not installed where runtimes look", "make install CNI_BIN_DIR="
    ),
    "plugin not executable": Fault(
        lambda room: replaced(room, lambda path: path.write_text("")), "install-plugins", "be executed", "chmod 755"
    ),
    "IPAM plugin missing": Fault(
        conf(ipam={"type": "dhcp"}), "install-plugins", 'failed to find plugin "dhcp"', "install it there"
    ),
    "somebody else's macvlan": Fault(
        foreign_macvlan, "install-foreign", "is not of this program", 'write "type": "cni-macvlan-py"',
        severity="warning",
    ),
    "no DHCP daemon": Fault(
        dhcp(), "install-dhcp-daemon", "(No such file or directory): no ADD succeeds", "/dhcp daemon"
    ),
    "a DHCP daemon that has died": Fault(
        dead_dhcp_daemon, "install-dhcp-daemon", "(Connection refused): no ADD succeeds", "rm -f "
    ),
    "dangling role link": Fault(dangling, "install-links", "/opt/nowhere/current/entry", "make install, or remove"),
    "packages gone": Fault(broken_packages, "install-works", "netaddr", "make install again"),
    "old release linked": Fault(
        old_release, "install-release", "installed last was 2.0+", "make install", severity="warning"
    ),
    "settings not TOML": Fault(settings("agent: auto"), "settings-valid", "not a TOML file", "mend the file"),
    "settings with a typo": Fault(settings('log_levle = "info"'), "settings-valid", "log_levle", 'mean "log_level"'),
    "log file nowhere": Fault(
        settings('log_file = "/nonexistent/log"'), "settings-log-file", "no call succeeds", "make the directory"
    ),
    "log file a directory": Fault(
        settings('log_file = "/tmp"'), "settings-log-file", "no call succeeds", "leave log_file out"
    ),
    "no journal": Fault(
        without_journal, "settings-log-file", "/run/systemd/journal/socket", "settings"
    ),
    "records nowhere": Fault(
        settings('record_dir = "/dev/null/x"'), "settings-record-dir", "no call is recorded", "leave record_dir out",
        severity="warning",
    ),
    "no configurations": Fault(
        lambda room: shutil.rmtree(room.places["conf-dir"]), "conf-directory", "no such directory", "make it",
        severity="notice",
    ),
    "no network of ours": Fault(
        lambda room: room.write("50-lan.conflist", plugins=[{"type": "bridge"}]), "conf-nothing", "no runtime calls us",
        "write one", severity="notice",
    ),
    "a directory with nothing in it": Fault(
        lambda room: (room.places["conf-dir"] / "50-lan.conflist").unlink(), "conf-nothing", "no runtime calls us",
        "write one", severity="notice",
    ),
    "a file with a wrong ending": Fault(
        misplaced("50-lan.yaml"), "conf-misplaced", "runtimes read *.conf *.conflist *.json in", "mv ",
        severity="warning",
    ),
    "a file above the directory": Fault(
        misplaced("../50-lan.conflist"), "conf-misplaced", "a network of ours", "mv ", severity="warning"
    ),
    "a file in the directory beside": Fault(
        misplaced("../netd/50-lan.conf"), "conf-misplaced", "a network of ours", "mv ", severity="warning"
    ),
    "podman on netavark by its settings": Fault(
        podman(conf='[network]\nnetwork_backend = "netavark"'), "conf-podman", "backend is netavark",
        'network_backend = "cni"', severity="notice",
    ),
    "podman on netavark by its first use": Fault(
        podman(conf="[network]\n", noted="netavark\n"), "conf-podman", "backend is netavark", "from 5 on",
        severity="notice",
    ),
    "podman on netavark by what is installed": Fault(
        installed_netavark, "conf-podman", "backend is netavark", "from 5 on", severity="notice"
    ),
    "podman does not read a .conf": Fault(
        podman(conf='[network]\nnetwork_backend = "cni"', noted="netavark", file="50-lan.conf"), "conf-podman",
        "podman reads *.conflist alone", 'conflist with "plugins"', severity="notice",
    ),
    "configuration not JSON": Fault(
        lambda room: room.write("60-x.conf").write_text("{"), "conf-readable", "error unmarshall", "mend the file"
    ),
    "configuration without a name": Fault(
        lambda room: room.write("60-x.conf", name=7, type="bridge"), "conf-readable", '"name" is 7', "for example"
    ),
    "unknown mode": Fault(conf(mode="router"), "conf-valid", 'mode: "router"', '"mode" is one of bridge, private'),
    "unknown key": Fault(
        conf(mastre="eth0"), "conf-valid", '"mastre" is not known', 'mean "master"', severity="warning"
    ),
    "gateway outside of the subnet": Fault(
        conf(ipam=ranges(gateway="10.8.0.1")), "conf-gateways", "gateway 10.8.0.1 is outside of", "name one inside",
        severity="warning",
    ),
    "next hop outside of the subnet": Fault(
        conf(ipam={**ranges(rangeEnd="10.9.0.19"), "routes": [{"dst": "0.0.0.0/0", "gw": "10.8.0.1"}]}),
        "conf-gateways", "10.8.0.1 is in none of the network's subnets", "inside of the subnet", severity="warning",
    ),
    "two files of one name": Fault(
        lambda room: room.write("60-x.conf", **room.plugin(ipam={})), "conf-names", "is also in", "rename one",
        severity="warning",
    ),
    "a list in a .conf": Fault(
        lambda room: room.write("60-x.conf", name="x", plugins=[room.plugin()]),
        "conf-readable", "from a .conflist only", "mv ",
    ),
    "a single plugin in a .conflist": Fault(
        lambda room: room.write("60-x.conflist", name="x", **room.plugin()), "conf-readable", "this is a single plugin",
        "60-x.conf",
    ),
    "two networks of one range": Fault(
        lambda room: room.write("60-x.conf", **room.plugin(), name="other"), "ranges-shared", "the other's leases",
        "addresses of its own",
    ),
    "a bridge with our range": Fault(
        lambda room: room.write(
            "60-x.conf", name="docker", type="bridge", ipam={"type": "host-local", "subnet": "10.9.0.0/28"}
        ),
        "ranges-shared", "10.9.0.1-10.9.0.14 overlaps 10.9.0.10-10.9.0.19", "by rangeStart and rangeEnd",
    ),
    "leases of another network": Fault(
        foreign_leases, "ranges-foreign-leases", "has 10.9.0.12", "exclude such", severity="warning"
    ),
    "the node's address in the range": Fault(
        conf(ipam=ranges()), "ranges-own-addresses", "10.9.0.254, an address of this node", '"exclude": ["10.9.0.254"]'
    ),
    "master missing": Fault(conf(master="eth9"), "master-usable", '"eth9": Link not found', "candidates are eth0"),
    "master a bridge port": Fault(bridge_port, "master-usable", 'is a port of the bridge "', "use the bridge itself"),
    "mtu above the master's": Fault(conf(mtu=9000), "master-usable", "invalid MTU 9000", 'set "mtu" to 0'),
    "a subnet that is not the LAN's": Fault(
        conf(ipam=ranges() | {"ranges": [[{"subnet": "10.7.0.0/24"}]]}), "master-subnets",
        "10.7.0.0/24 is not a network of eth0, where this node is in 10.9.0.0/24", "correct the subnet",
        severity="warning",
    ),
    "a static address that is not the LAN's": Fault(
        conf(ipam={"type": "static", "addresses": [{"address": "10.7.0.5/24"}]}), "master-subnets",
        "10.7.0.0/24 is not a network of eth0", "correct the subnet", severity="warning",
    ),
    "another mask than the LAN's": Fault(
        conf(ipam=ranges() | {"ranges": [[{"subnet": "10.9.0.0/16", "gateway": "10.9.0.1"}]]}), "master-subnets",
        "10.9.0.0/16 is 10.9.0.0/24 on eth0", "write 10.9.0.0/24", severity="warning",
    ),
    "an IPv6 subnet that is not the LAN's": Fault(
        conf(ipam=ranges() | {"ranges": [[{"subnet": "fd00:7::/64"}]]}), "master-subnets",
        "fd00:7::/64 is not a network of eth0", "correct the subnet", severity="warning",
    ),
    "master in passthru use": Fault(
        passthru_use, "master-accepts", "taken by a passthru child", "use another master"
    ),
    "master in use where passthru is wanted": Fault(
        shared_where_passthru, "master-accepts", "wants it for itself (passthru), and net1 in", "use another master"
    ),
    "master in use by a bridge of another kind": Fault(
        node("link add link eth0 name tap0 type macvtap mode passthru"), "master-accepts", "taken by a passthru child",
        "use another master",
    ),
    "a gateway that nobody has": Fault(
        routed("10.9.0.77"), "gateway-answers", "the gateway 10.9.0.77, and nobody on the LAN of eth0 answers",
        "name the LAN's router", severity="warning",
    ),
    "an IPv6 gateway that nobody has": Fault(
        routed("fd00:9::77", "fd00:9::/64"), "gateway-answers", "gateway fd00:9::77, and nobody", "the LAN's router",
        severity="warning",
    ),
    "a gateway by default that nobody has": Fault(
        router_gone, "gateway-answers",
        "the gateway 10.9.0.1, and nobody", "name the LAN's router", severity="warning",
    ),
    "a gateway that nobody has, and read-only sysctls": Fault(
        read_only_sysctls, "gateway-answers", "gateway fd00:9::77, and nobody", "the LAN's router", severity="warning"
    ),
    "the node as gateway": Fault(
        routed("10.9.0.254"), "gateway-answers", "an address of eth0 itself", "name another router", severity="warning"
    ),
    "a switch that lets one MAC address pass": Fault(
        port_security, "gateway-answers", "answers a new MAC address for it, though the node itself knows it as",
        "port security", severity="warning",
    ),
    "master down": Fault(node("link set eth0 down"), "master-carrier", "is down", "ip link set eth0 up"),
    "no carrier": Fault(lambda room: room.lan.unplug(), "master-carrier", "carrier", "cable", severity="warning"),
    "VMware": Fault(
        hypervisor("vmxnet3", "VMware Virtual Platform"), "master-virtual", "VMware Virtual Platform",
        "accept forged transmits", severity="warning",
    ),
    "Hyper-V": Fault(
        hypervisor("hv_netvsc", "Virtual Machine"), "master-virtual", "Hyper-V", "MacAddressSpoofing",
        severity="warning",
    ),
    "proxy ARP": Fault(
        lambda room: room.lan.node.sysctl("net/ipv4/conf/eth0/proxy_arp", 1), "master-proxy-arp", "answers ARP",
        "sysctl -w net.ipv4.conf.eth0.proxy_arp=0", severity="warning",
    ),
    "frames of a bridge through the firewall": Fault(
        filtered_bridge, "master-bridge-filter", "FORWARD rules apply", "iptables=0", severity="notice"
    ),
    "stale socket": Fault(stale_socket, "agent-listens", "refused", "start the agent", severity="warning"),
    "socket for all": Fault(open_socket, "agent-access", "mode is 0666", "chmod 600", severity="warning"),
    "auto beside a unit": Fault(auto_and_unit, "agent-unit-and-auto", '"auto"', '"external"', severity="warning"),
    "read-only disk": Fault(mounted("ro"), "store-writable", "file system is read-only", "mount it writable"),
    "state directory below a file": Fault(
        settings('state_dir = "/dev/null/state"'), "store-writable", "it is no directory", "name another state_dir"
    ),
    "state directory a link to nowhere": Fault(
        lambda room: room.runtime.state_dir.symlink_to("/nonexistent"), "store-writable", "leads to /nonexistent",
        "make a directory of it",
    ),
    "host-local's directory read-only": Fault(
        read_only_leases, "store-writable", "file system is read-only", "dataDir"
    ),
    "full disk": Fault(
        mounted("size=64k", "head -c 64k /dev/zero > {state}/x"), "store-space", "0 KiB left", "make room"
    ),
    "leases for all to read": Fault(loose, "store-private", "mode is 0644", "chmod go=", severity="warning"),
    "damaged database": Fault(damage, "store-intact", "leases.db", "leases rescue"),
    "newer database": Fault(
        pragma("PRAGMA user_version = 99"), "store-intact", "schema 99 is newer", "install the version"
    ),
    "another program's database": Fault(
        pragma("PRAGMA application_id = 7"), "store-intact", "belongs to another program", "leases rescue"
    ),
    "records of an earlier boot": Fault(
        earlier_boot, "leases-earlier-boot", "1 attachments", "the next ADD", severity="notice"
    ),
    "container killed": Fault(killed_container, "leases-leaked", "10.9.0.10", "gc, or DEL", severity="warning"),
    "addresses in the database, and host-local now": Fault(
        moved_to_host_local, "leases-two-stores", "holds 10.9.0.10 of network", "start the container anew",
        severity="warning",
    ),
    "an address in two stores": Fault(
        held_twice, "leases-two-stores", "holds it in host-local's directory", "start one of the two anew"
    ),
    "an address in two stores, and the pool again": Fault(
        held_twice_and_back, "leases-two-stores", "holds it in the lease database", "start one of the two anew"
    ),
    "pool exhausted": Fault(
        nearly_exhausted, "leases-pool-full", "2 of 2 addresses", "widen the range", severity="warning"
    ),
    "pool exhausted where STATUS minds": Fault(
        exhausted_and_strict, "leases-pool-full", "2 of 2 addresses", "widen the range"
    ),
    "pool of another plugin exhausted": Fault(
        exhausted_for_others, "leases-pool-full", "2 of 2 addresses", "widen the range", severity="warning"
    ),
    "interface without record": Fault(
        lost_record, "links-unrecorded", "10.9.0.10/24", "link delete net1", severity="warning"
    ),
    "record without interface": Fault(removed_link, "links-missing", "net1", "container anew", severity="warning"),
    "ADD killed": Fault(killed_add, "links-unfinished", "died", "link delete net1", severity="warning"),
    "ADD killed before the renaming": Fault(
        killed_before_rename, "links-unfinished", "died", "link delete cmv", severity="warning"
    ),
}  # fmt: skip
