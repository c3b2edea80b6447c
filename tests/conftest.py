"""What every test may ask for: a LAN of its own, a runtime that calls our plugin on it, images to deploy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipam.store.witness import DIRECTORY
from tests.deploy.images import ARCHIVE, Workshop
from tests.lan import Lan
from tests.left_out import reasons
from tests.once import SECONDS, once
from tests.reference import NEW, reference
from tests.runtime import DOOR, REPOSITORY, ROLES, Runtime
from tests.ways import Executed, InProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let another executable stand in for the door, to see what the tests say of it."""
    parser.addoption("--plugin", type=Path, default=DOOR, help="the plugin under test (default: the checkout's door)")
    parser.addoption(
        "--through", choices=("door", "process", "agent", "launcher"), default="door", help="how it is called"
    )
    parser.addoption("--hostile", type=int, default=25, help="hostile calls in each way (default: %(default)s)")


def pytest_configure(config: pytest.Config) -> None:
    """Ignore no signal that whoever started us in the background has us ignore: what we execute would ignore it too."""
    del config
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what makes interfaces; leave out what this machine's distribution has not got."""
    for item in items:
        if "kernel" in item.path.parts:
            item.add_marker(pytest.mark.kernel)
    if out := [item for item in items if any(item.get_closest_marker(name) for name in reasons())]:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out, and why."""
    for marker, reason in reasons().items():
        terminalreporter.write_line(f"left out, tests of {marker}: {reason}")


@pytest.fixture(scope="session", autouse=True)
def _way(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have every runtime call ours in the way that was asked for."""
    through = pytestconfig.getoption("--through")
    if through == "process":
        Runtime.way = InProcess()
    if through not in {"agent", "launcher"}:
        yield
        return
    if through == "launcher":
        Runtime.entry = tmp_path_factory.mktemp("launcher") / "launcher"
        make = ["make", "-C", str(REPOSITORY / "launcher"), f"BUILD={Runtime.entry.parent}", "DOOR=/nonexistent"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    socket = tmp_path_factory.mktemp("agent") / "sock"
    with subprocess.Popen([DOOR, "agent", "--socket", socket]) as agent:
        Runtime.way = Executed(str(socket))
        _await(socket)
        yield
        assert agent.poll() is None, "the agent died, and the door did its work"
        agent.terminate()
        assert agent.wait(120) == 0


def _await(path: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} is not there"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def root() -> None:
    """Fail without root: namespaces are the substance of most tests, and a skipped test proves nothing."""
    if os.geteuid() != 0:
        pytest.fail("this test makes network namespaces: run it as root, or `make unit`", pytrace=False)


@pytest.fixture
def lan(root: None, tmp_path: Path) -> Iterator[Lan]:
    """A LAN of the test's own; nothing of it may be left, no process, no namespace, no file outside tmp_path."""
    del root, tmp_path
    with Lan() as made:
        yield made
    # os.walk, because other tests' files may vanish before its eyes
    strays = [
        f"{directory}/{name}"
        for place in ("/var/lib/cni", "/run")
        for directory, directories, files in os.walk(place)
        for name in directories + files
        if made.suffix in name
    ]
    assert made.leaks + strays == []


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """What `make install` gets from PyPI, as a tree whose /wheels is on a machine; asked for once in a run."""

    def download(place: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--no-input"]
        wanted = ["--requirement", str(REPOSITORY / "requirements.txt"), "--dest", str(place / "wheels")]
        subprocess.run([*pip, *wanted], stdin=subprocess.DEVNULL, check=True, timeout=SECONDS)

    return once(tmp_path_factory, worker_id, "packages", download)


@pytest.fixture(scope="session")
def without_network(wheels: Path) -> dict[str, str]:
    """Variables with which `make install` asks nobody for packages."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels / "wheels")}


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A tree with an archive of both images; built once for all workers of a run."""

    def build(place: Path) -> None:
        # podman takes no long paths for its store.
        with tempfile.TemporaryDirectory(prefix="cmv-", dir="/var/tmp") as directory:
            Workshop(Path(directory)).build(place / ARCHIVE)

    return once(tmp_path_factory, worker_id, "images", build)


@pytest.fixture(scope="session", autouse=True)
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this run's databases leave in /run, and a later run of the same paths must not find."""
    made = f"store{tmp_path_factory.getbasetemp()}".replace("/", "%2f")

    def forget_all() -> None:
        for each in Path(DIRECTORY).glob(f"{made}*"):
            each.unlink(missing_ok=True)

    forget_all()
    yield
    forget_all()


@pytest.fixture
def runtime(lan: Lan, tmp_path: Path, pytestconfig: pytest.Config) -> Runtime:
    """A runtime whose CNI_PATH has the plugin under test under every name that it answers to."""
    return Runtime(lan, plugins_under_test(pytestconfig), tmp_path / "ours")


@pytest.fixture
def door(pytestconfig: pytest.Config) -> Path:
    """The executable under test."""
    return plugins_under_test(pytestconfig)["macvlan"]


def plugins_under_test(config: pytest.Config) -> dict[str, Path]:
    """CNI_PATH names to executables; a reference plugin brings its own IPAM plugins."""
    plugin: Path = config.getoption("--plugin").resolve()
    if plugin == DOOR:
        return dict.fromkeys((*ROLES, DOOR.name), Runtime.entry) | {"tuning": reference(NEW) / "tuning"}
    return {"macvlan": plugin} | {name: plugin.parent / name for name in (*ROLES[1:], "tuning")}
