"""Calls for one container are kept apart by a lock that no process of the container can take."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from conf.errors import TryAgain
from link.locks import LOCK_FILE, LOCK_SECONDS
from link.netns import open_namespace
from tests.lan import SUBNET4

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Runtime

TENANT = """
import fcntl, os, time
descriptor = os.open("/proc/self/ns/net", os.O_RDONLY)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(600)
"""


def tenant(container: Namespace) -> subprocess.Popen[str]:
    """An unprivileged process in the container that holds every lock of its namespace's file."""
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", TENANT)
    process = subprocess.Popen(["nsenter", f"--net={container.path}", *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_tenant_delays_no_call(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4), cniVersion="1.1.0")
    container = lan.container()
    with tenant(container) as holder:
        try:
            began = time.monotonic()
            runtime.add(config, container).expect()
            runtime.check(config, container).expect()
            runtime.gc(config, (container, "net1")).expect()
            runtime.delete(config, container).expect()
            assert time.monotonic() - began < LOCK_SECONDS
        finally:
            holder.kill()
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_a_call_that_does_not_get_the_lock_changes_nothing(lan: Lan, runtime: Runtime) -> None:
    """Another call for the container goes on for longer than any is waited for: the lease stays, as the link does."""
    config = runtime.config(runtime.pool(SUBNET4))
    container, other = lan.container(), lan.container()
    runtime.add(config, container).expect()
    held = runtime.held()
    with closing(open_namespace(str(container.path))) as namespace:
        namespace.lock(str(runtime.state_dir))
        runtime.add(config, other).expect()  # nobody else waits
        runtime.delete(config, other).expect()
        refused = runtime.delete(config, container)
    assert refused.code == 11
    assert f"CNI_NETNS {container.path}" in refused.msg
    assert ("net1" in container.links(), runtime.held()) == (True, held)
    runtime.delete(config, container).expect()
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_the_lock_is_known_by_every_path(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    runtime.add(runtime.config(), container).expect()
    ended = threading.Event()

    def delete() -> None:
        runtime.delete(runtime.config(), container, netns=f"/var/run/netns/{container.name}").expect()
        ended.set()

    with closing(open_namespace(str(container.path))) as namespace:
        namespace.lock(str(runtime.state_dir))
        waiting = threading.Thread(target=delete)
        waiting.start()
        assert not ended.wait(1)
        assert "net1" in container.links()
    waiting.join()
    assert container.links() == ["lo"]


def test_the_file_of_locks_is_roots_alone(lan: Lan, runtime: Runtime) -> None:
    runtime.add(runtime.config(), lan.container()).expect()
    path = runtime.state_dir / LOCK_FILE
    assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o600, 0)
    assert runtime.state_dir.stat().st_mode & 0o777 == 0o700
    with path.open("rb") as file:  # a flock of the whole file is another lock
        fcntl.flock(file, fcntl.LOCK_EX)
        container = lan.container()
        runtime.add(runtime.config(), container).expect()
        runtime.delete(runtime.config(), container).expect()


def test_a_lock_file_that_leads_elsewhere_is_refused(lan: Lan, runtime: Runtime) -> None:
    runtime.state_dir.mkdir(mode=0o700)
    (runtime.state_dir / LOCK_FILE).symlink_to(runtime.directory / "elsewhere")
    container = lan.container()
    refused = runtime.add(runtime.config(), container)
    assert (refused.code, container.links()) == (109, ["lo"])
    assert LOCK_FILE in refused.msg
    os.mkfifo(runtime.directory / "elsewhere")
    assert runtime.add(runtime.config(), container).code == 109


def test_too_few_descriptors_are_no_state_directory_that_nobody_can_use(lan: Lan, tmp_path: Path) -> None:
    """DEL does without the lock where nobody can have it; here another call may."""
    with closing(open_namespace(str(lan.container().path))) as namespace:
        usual = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, usual[1]))
        try:
            with pytest.raises(TryAgain, match="Too many open files"):
                namespace.lock(str(tmp_path))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, usual)
        namespace.lock(str(tmp_path))
