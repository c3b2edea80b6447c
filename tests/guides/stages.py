"""What the reader of each page has before, or gets from the Internet: an image, and what this machine cannot do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.server import PORT
from tests.runtime import REPOSITORY
from tests.runtimes.podman import LIMITED

if TYPE_CHECKING:
    from tests.machine import Machine

IMAGE = "docker.io/library/busybox:latest"
ROOT_FILE_SYSTEM = """
    mkdir -p /srv/root/bin /srv/root/etc /srv/root/proc /srv/root/sys /srv/root/dev
    cp /bin/busybox /srv/root/bin
    chroot /srv/root /bin/busybox --install -s /bin
    tar -C /srv/root -cf /srv/root.tar .
"""
KUBECONFIG = f"""
apiVersion: v1
kind: Config
current-context: home
clusters: [{{name: home, cluster: {{server: "http://192.168.1.10:{PORT}"}}}}]
contexts: [{{name: home, context: {{cluster: home, user: root}}}}]
users: [{{name: root, user: {{}}}}]
"""


def podman(machine: Machine) -> None:
    """podman, limited as the machine is, and the image that it would fetch."""
    machine.write("/etc/containers/containers.conf.d/00-limited.conf", LIMITED)
    # systemd leaves it read-only; podman would warn of each controller that the kernel has not got.
    machine.run("mount", "-o", "remount,rw", "/sys/fs/cgroup")
    machine.run("sh", "-euc", ROOT_FILE_SYSTEM)
    machine.run("podman", "import", "/srv/root.tar", IMAGE)


def prometheus(machine: Machine) -> None:
    """What its package has for checking rules, beside podman."""
    podman(machine)
    machine.run("ln", "-s", REPOSITORY / ".venv/promtool", "/usr/local/bin")


def containerd(machine: Machine) -> None:
    """The daemon, which its package starts where the machine is not yet being made."""
    machine.run("systemctl", "start", "containerd")


def kubernetes(machine: Machine) -> None:
    """kubectl, and where it finds the cluster."""
    machine.run("ln", "-sf", Path(sys.executable).with_name("kubectl"), "/usr/local/bin/kubectl")
    machine.write("/root/.kube/config", KUBECONFIG)
