"""The plugin as it is shipped: installed, called from the CNI directory in a hostile place, upgraded, removed."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.agent.process import until
from tests.once import SECONDS

TREE = Path(__file__).resolve().parent.parent
DOOR = "cni-macvlan-py"
ROLES = ["macvlan", "host-local", "static"]
BROKEN_CONFIG = {"cniVersion": "1.0.0", "name": "lan", "type": "macvlan", "master": "lo", "mode": "nonsense"}
Answer = dict[str, object]


class Node:
    """The directories of one installation under a temporary root, and the installer that works on them."""

    def __init__(self, root: Path, variables: Mapping[str, str]) -> None:
        self.app = root / "opt" / DOOR
        self.bin = root / "cni" / "bin"
        self._environment = {**os.environ, **variables}

    def run(self, *options: str, source: Path = TREE) -> subprocess.CompletedProcess[str]:
        """Run the installer of a checkout or of a release."""
        where = ["--app-dir", str(self.app), "--cni-bin-dir", str(self.bin)]
        command = [sys.executable, "-I", str(source / "deploy/install"), *where, *options]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )

    def install(self, *options: str, source: Path = TREE) -> str:
        """Install, expecting success; return what the installer said."""
        done = self.run(*options, source=source)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def releases(self) -> list[int]:
        """Return the numbers of the releases that are kept."""
        return sorted(int(path.name.rpartition("-")[2]) for path in (self.app / "releases").iterdir())


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory, without_network: dict[str, str]) -> Node:
    """One installation from this checkout, with all roles, that no test changes."""
    node = Node(tmp_path_factory.mktemp("shipped"), without_network)
    node.install("--links", " ".join(ROLES))
    return node


@pytest.fixture
def release(shipped: Node) -> Path:
    """A complete release to install from, without pip."""
    return (shipped.app / "current").resolve()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path, {})


def call(door: Path, verb: str, config: Mapping[str, object], cwd: Path, **environment: str) -> tuple[int, Answer]:
    """Call a door as a runtime does; return exit status and answer."""
    variables = {
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": "/run/netns/there-is-none",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": str(door.parent),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        **environment,
    }
    done = subprocess.run(
        [door],
        cwd=cwd,
        env=variables,
        input=json.dumps(config),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def assert_works(door: Path, cwd: Path, **environment: str) -> None:
    """Ask one thing that needs no package and one that needs them."""
    status, answer = call(door, "VERSION", {"cniVersion": "1.1.0"}, cwd, **environment)
    assert (status, "1.1.0" in str(answer["supportedVersions"])) == (0, True)
    status, answer = call(door, "ADD", BROKEN_CONFIG, cwd, **environment)
    assert (status, answer["code"]) == (1, 7), answer
    assert "nonsense" in str(answer["msg"])


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def contents(root: Path) -> dict[str, tuple[int, int]]:
    """Return mode and modification time of everything under a directory."""
    return {str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns) for path in root.rglob("*")}


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A directory of modules that end any process that imports them."""
    directory = tmp_path / "trap"
    directory.mkdir()
    for name in (
        "conf",
        "ipam",
        "link",
        "plugin",
        "agent",
        "console",
        "json",
        "os",
        "pydantic",
        "pyroute2",
        "netaddr",
        "sitecustomize",
        "usercustomize",
    ):
        (directory / f"{name}.py").write_text("raise SystemExit('imported from a hostile place')\n")
    return directory


@pytest.mark.parametrize("which", ["app", "bin"])
def test_another_users_directory_is_no_place_for_plugins(node: Node, which: str) -> None:
    """Whoever owns it could put another executable there, which runtimes then start as root."""
    directory: Path = getattr(node, which)
    directory.mkdir(parents=True)
    os.chown(directory, 65534, 65534)
    refused = node.run()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"{directory} belongs to user 65534" in refused.stderr
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("name", [DOOR, "macvlan"])
def test_works_from_the_cni_directory_in_a_hostile_place(shipped: Node, name: str, trap: Path) -> None:
    hostile = {
        "PYTHONPATH": str(trap),
        "PYTHONHOME": str(trap),
        "PYTHONSTARTUP": str(trap / "os.py"),
        "HOME": str(trap),
    }
    assert_works(shipped.bin / name, trap, **hostile)


def test_works_through_a_chain_of_symlinks(shipped: Node, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "macvlan").symlink_to(shipped.bin / DOOR)
    (tmp_path / "macvlan").symlink_to("other/macvlan")
    assert_works(tmp_path / "macvlan", tmp_path)


def test_works_as_a_copy_of_the_whole_release(release: Path, tmp_path: Path) -> None:
    subprocess.run(["cp", "-a", release, tmp_path / "elsewhere"], check=True)
    assert_works(tmp_path / "elsewhere" / DOOR, tmp_path)


def test_works_from_the_checkout(tmp_path: Path, trap: Path) -> None:
    (tmp_path / "macvlan").symlink_to(TREE / DOOR)
    assert_works(tmp_path / "macvlan", trap, PYTHONPATH=str(trap))


def test_calls_write_nothing_into_the_release(shipped: Node, tmp_path: Path) -> None:
    before = contents(shipped.app)
    assert_works(shipped.bin / DOOR, tmp_path)
    assert contents(shipped.app) == before


def test_release_is_readable_by_all_and_writable_by_its_owner(release: Path) -> None:
    wrong = [str(path) for path in release.rglob("*") if path.stat().st_mode & 0o777 not in (0o755, 0o644)]
    assert wrong == []
    assert (release / DOOR).read_text().startswith("#!/")


def test_byte_code_is_not_compared_with_its_source(release: Path) -> None:
    unchecked_hash = (1).to_bytes(4, "little")
    compiled = list(release.rglob("*.pyc"))
    assert [str(path) for path in compiled if path.read_bytes()[4:8] != unchecked_hash] == []
    assert {path.parent.parent for path in compiled} >= {release / "conf", release / "ipam", release / "plugin"}


def test_install_again_keeps_the_links_and_one_release_to_go_back_to(node: Node, release: Path) -> None:
    node.install("--links", "macvlan", source=release)
    for expected in ([1, 2], [2, 3]):
        node.install(source=release)
        assert node.releases() == expected
    assert (node.app / "current").resolve().name.endswith("-3")
    assert names(node.bin) == [DOOR, "macvlan"]


def test_install_works_while_the_plugin_is_called(node: Node, release: Path, tmp_path: Path) -> None:
    node.install(source=release)
    answers: list[int] = []
    stop = threading.Event()

    def keep_calling() -> None:
        while not stop.is_set():
            answers.append(call(node.bin / DOOR, "ADD", BROKEN_CONFIG, tmp_path)[0])

    caller = threading.Thread(target=keep_calling)
    caller.start()
    try:
        until(lambda: answers, "it is called")
        node.install(source=release)
        during = len(answers)
        # The caller's own assertions end its thread: it must have gone on to the end.
        until(lambda: len(answers) > during + 1, "calls go on")
    finally:
        stop.set()
        caller.join()
    assert set(answers) == {1}


def test_what_a_killed_install_left_is_no_hindrance(node: Node, release: Path, tmp_path: Path) -> None:
    node.install(source=release)
    (node.app / "releases" / ".staging" / "conf").mkdir(parents=True)
    (node.bin / f".{DOOR}.new").symlink_to("nowhere")
    node.install(source=release)
    assert node.releases() == [1, 2]
    assert names(node.bin) == [DOOR]
    assert_works(node.bin / DOOR, tmp_path)


def test_failed_install_changes_nothing(node: Node, release: Path, tmp_path: Path) -> None:
    node.install(source=release)
    before = (node.app / "current").readlink()
    done = node.run("--interpreter", "/usr/bin/false", source=release)
    assert done.returncode == 1
    assert "/usr/bin/false cannot load the packages" in done.stderr
    assert ((node.app / "current").readlink(), node.releases()) == (before, [1])
    assert_works(node.bin / DOOR, tmp_path)


def test_other_plugins_are_left_alone(node: Node, release: Path) -> None:
    node.bin.mkdir(parents=True)
    (node.bin / "macvlan").write_text("the reference")
    (node.bin / "host-local").symlink_to("/usr/lib/cni/host-local")
    done = node.run("--links", "macvlan host-local static", source=release)
    assert done.returncode == 1
    assert f"{node.bin}/macvlan, {node.bin}/host-local; FORCE=1" in done.stderr
    assert names(node.bin) == ["host-local", "macvlan"]
    assert not node.app.exists()


def test_other_plugins_come_back_after_force_and_uninstall(node: Node, release: Path, tmp_path: Path) -> None:
    node.bin.mkdir(parents=True)
    (node.bin / "macvlan").write_text("the reference")
    (node.bin / "macvlan").chmod(0o750)
    (node.bin / "bridge").write_text("not our business")
    assert f"set aside {node.bin}/macvlan" in node.install("--links", "macvlan", "--force", source=release)
    node.install("--links", "macvlan", "--force", source=release)
    assert_works(node.bin / "macvlan", tmp_path)
    assert f"put back {node.bin}/macvlan" in node.install("--uninstall")
    assert names(node.bin) == ["bridge", "macvlan"]
    assert (node.bin / "macvlan").read_text() == "the reference"
    assert (node.bin / "macvlan").stat().st_mode & 0o777 == 0o750
    assert not node.app.exists()


def test_uninstall_finds_every_cni_directory_by_itself(node: Node, release: Path, tmp_path: Path) -> None:
    directories = [tmp_path / "podman", tmp_path / "kubelet"]
    for directory in directories:
        directory.mkdir()
        (directory / "macvlan").write_text(f"the reference in {directory.name}")
        node.install("--links", "macvlan", "--force", "--cni-bin-dir", str(directory), source=release)
    node.install("--uninstall")
    assert [names(directory) for directory in directories] == [["macvlan"], ["macvlan"]]
    assert [(each / "macvlan").read_text() for each in directories] == [
        "the reference in podman",
        "the reference in kubelet",
    ]
    assert not node.app.exists()
    assert "no installation" in node.install("--uninstall")


def test_uninstall_tells_what_became_of_others_plugins(node: Node, release: Path) -> None:
    node.bin.mkdir(parents=True)
    for name in ROLES[:2]:
        (node.bin / name).write_text("the reference")
    node.install("--links", " ".join(ROLES[:2]), "--force", source=release)
    (node.bin / "macvlan").unlink()
    (node.bin / "host-local").unlink()
    (node.bin / "host-local").write_text("a newer reference")
    told = node.install("--uninstall")
    assert f"put back {node.bin}/macvlan\n" in told
    assert f"left {node.bin}/host-local, which" in told
    assert [(node.bin / name).read_text() for name in ROLES[:2]] == ["the reference", "a newer reference"]


def test_application_directory_may_be_a_link(node: Node, release: Path, tmp_path: Path) -> None:
    node.app.parent.mkdir()
    (tmp_path / "volume").mkdir()
    node.app.symlink_to(tmp_path / "volume")
    node.install(source=release)
    assert_works(node.bin / DOOR, tmp_path)
    node.install("--uninstall")
    assert (names(tmp_path / "volume"), names(node.bin)) == ([], [])


def test_a_compiler_that_cannot_link_is_as_good_as_none(release: Path, tmp_path: Path) -> None:
    """A distribution may ship the C library, its headers, or its static half apart from the compiler."""
    (tmp_path / "tools").mkdir()
    for compiler in ("gcc", "musl-gcc"):
        (tmp_path / "tools" / compiler).write_text("#!/bin/sh\necho stdio.h: No such file or directory >&2\nexit 1\n")
        (tmp_path / "tools" / compiler).chmod(0o755)
    node = Node(tmp_path, {"PATH": f"{tmp_path}/tools:{os.environ['PATH']}"})
    assert "runtimes execute the Python door, since" in node.install(source=release)
    assert_works(node.bin / DOOR, tmp_path)


def test_uninstall_leaves_nothing_of_ours_and_all_else(node: Node, release: Path) -> None:
    node.install("--links", " ".join(ROLES), source=release)
    (node.app / "notes").write_text("an operator's")
    node.install("--uninstall", source=node.app / "current")
    assert names(node.bin) == []
    assert names(node.app) == ["notes"]
    (node.app / "notes").unlink()
    node.install("--uninstall")
    assert not node.app.exists()


def test_unknown_role_is_refused(node: Node, release: Path) -> None:
    done = node.run("--links", "macvlan hostlocal", source=release)
    assert (done.returncode, node.app.exists()) == (1, False)
    assert "no such role: hostlocal; LINKS may name macvlan host-local static" in done.stderr


def test_make_installs_under_a_prefix_and_removes_it(tmp_path: Path, without_network: dict[str, str]) -> None:
    make = ["make", "-C", str(TREE), f"DESTDIR={tmp_path}/host", "LINKS=macvlan", "SYSTEMD=1"]
    environment = {**os.environ, **without_network}
    subprocess.run([*make, "install"], env=environment, stdin=subprocess.DEVNULL, check=True, timeout=SECONDS)
    assert (tmp_path / "host/etc/systemd/system/cni-macvlan-py-agent.socket").is_file()
    link = tmp_path / "host/opt/cni/bin/macvlan"
    assert link.readlink() == Path(f"/opt/{DOOR}/current/entry")
    assert_works(tmp_path / f"host/opt/{DOOR}/current/{DOOR}", tmp_path)
    subprocess.run([*make, "uninstall"], stdin=subprocess.DEVNULL, check=True, timeout=SECONDS)
    assert [path for path in (tmp_path / "host").rglob("*") if not path.is_dir()] == []


@pytest.fixture
def another_python(tmp_path: Path) -> Path:
    """The system's interpreter, as another file: it knows where its modules are, wherever it lies."""
    return Path(shutil.copy(os.path.realpath("/usr/bin/python3"), tmp_path / "python3.12"))


def test_make_uninstalls_where_the_usual_python_is_too_old(another_python: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    hide = f'mount --bind "{old}" "$(realpath /usr/bin/python3)"; exec "$@"'
    make = ["make", "-C", str(TREE), f"DESTDIR={tmp_path}/host", "uninstall"]
    environment = {**os.environ, "PATH": f"{another_python.parent}:/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", hide, "-", *make],
        env=environment, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "leases and settings are kept" in done.stdout


def test_make_has_the_python_that_is_there_and_asked_for(another_python: Path, tmp_path: Path) -> None:
    """A .venv is of no use once the distribution has another Python, nor to who asks for another."""
    (tmp_path / "requirements.txt").touch()
    shutil.copy(TREE / "Makefile", tmp_path)
    venv = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=SECONDS)
    (venv / "runtime.stamp").touch()

    def made(*variables: str) -> str:
        make = ["make", "--silent", "setup", *variables]
        done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=SECONDS)
        return done.stdout

    assert "making .venv" in made()
    assert made() == ""
    assert f"making .venv with {another_python}" in made(f"PYTHON={another_python}")
    assert (venv / "bin/python").samefile(another_python)
    assert made(f"PYTHON={another_python}") == ""


def test_units_lead_to_where_the_plugin_is(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    script = [str(TREE / "deploy/units")]
    subprocess.run([*script, "install", "/srv/plugin", str(tmp_path)], check=True)
    assert names(units) == ["cni-macvlan-py-agent.service", "cni-macvlan-py-agent.socket"]
    assert "ExecStart=/srv/plugin/current/cni-macvlan-py agent\n" in (units / names(units)[0]).read_text()
    subprocess.run([*script, "uninstall", "/opt/cni-macvlan-py", str(tmp_path)], check=True)
    assert len(names(units)) == 2, "another installation's are left alone"
    (units / f".{names(units)[0]}.new").touch()  # as a killed one leaves it
    subprocess.run([*script, "uninstall", "/srv/plugin/", str(tmp_path)], check=True)
    assert names(units) == []


def test_units_are_writable_by_root_alone_and_readable_by_all(tmp_path: Path) -> None:
    for umask in (0o000, 0o077):
        root = tmp_path / f"{umask:o}"
        root.mkdir()
        subprocess.run([TREE / "deploy/units", "install", "/srv/plugin", root], umask=umask, check=True)
        modes = {path.name: path.stat().st_mode & 0o777 for path in root.rglob("*")}
        assert set(modes.values()) == {0o755, 0o644}, modes
