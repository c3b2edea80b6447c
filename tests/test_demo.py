"""`demo` tells the truth: it passes where the plugin works, fails where it does not, and never leaves anything."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).resolve().parent.parent
DOOR = TREE / "cni-macvlan-py"
pytestmark = pytest.mark.kernel


class Demo:
    """Runs the command with a temporary directory of its own, in which whatever it forgot would still lie."""

    def __init__(self, directory: Path) -> None:
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        self.variables = {"PATH": os.environ["PATH"], "TMPDIR": str(self.temporary)}

    def start(self, *options: str, door: Path = DOOR, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Begin a demonstration."""
        return subprocess.Popen(
            [*prefix, str(door), "demo", *options],
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str, door: Path = DOOR, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a demonstration to its end."""
        with self.start(*options, door=door, prefix=prefix) as process:
            stdout, stderr = process.communicate(timeout=200)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def assert_nothing_is_left(self, words: str) -> None:
        """No temporary file, and no namespace of those that the words name."""
        assert list(self.temporary.iterdir()) == []
        names = re.findall(r"cmv-demo-\w+-[0-9a-f]{8}", words)
        assert len(set(names)) == 4
        assert [name for name in names if Path("/run/netns", name).exists()] == []


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


@pytest.fixture
def home(root: None) -> Iterator[Namespace]:
    """A network namespace to start the command in: the machine's own may change for other reasons."""
    del root
    made = Namespace("home")
    yield made
    assert made.remove() == []


def lying_door(directory: Path, lie: str) -> Path:
    """A copy of the door with a statement put before it serves anything; ``verb`` is what a runtime asked for."""
    tree = directory / "tree"
    tree.mkdir()
    for name in ("conf", "ipam", "link", "plugin", "agent", "console", ".venv"):
        (tree / name).symlink_to(TREE / name)
    source = DOOR.read_text()
    start = source.index("sys.path[:0]")
    door = tree / DOOR.name
    door.write_text(f'{source[:start]}import os\nverb = os.environ.get("CNI_COMMAND")\n{lie}\n{source[start:]}')
    shutil.copymode(DOOR, door)
    return door


@contextmanager
def held(directory: Path, verb: str) -> Iterator[Path]:
    """A door that serves a verb only after the end of the block, in which the command gets no further."""
    with (directory / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        wait = f'fcntl.flock(os.open("{gate.name}", os.O_RDONLY), fcntl.LOCK_SH)'
        yield lying_door(directory, f'import fcntl\nif verb == "{verb}": {wait}')


def heard(process: subprocess.Popen[str], words: str) -> str:
    """What the command tells, up to the line with these words."""
    assert process.stdout is not None
    told = ""
    while words not in told:
        line = process.stdout.readline()
        assert line, f"it ended, and had told: {told}"
        told += line
    return told


def test_the_whole_story_works_and_leaves_nothing(demo: Demo, home: Namespace) -> None:
    done = demo.run(prefix=("nsenter", f"--net={home.path}"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    titles = re.findall(r"^\d+\. ([^:]+):", done.stdout, re.MULTILINE)
    add = ["ADD container1", "ADD container2"]
    check = ["CHECK container1", "CHECK container2"]
    assert titles == ["VERSION", "STATUS", *add, *check, "ping", "GC", "DEL container1", "DEL container1 again"]
    results = done.stdout.split("ADD container1:")[1]
    assert '"address": "192.0.2.2/24"' in results
    assert '"address": "2001:db8::2/64"' in results
    assert done.stdout.count(": answered in ") == 8
    assert "All of it worked." in done.stdout
    demo.assert_nothing_is_left(done.stdout + done.stderr)
    assert home.links() == ["lo"]


def test_json_is_one_document_beside_the_words(demo: Demo) -> None:
    done = demo.run("--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], report["failures"]) == (0, True, [])
    assert "All of it worked." in done.stderr
    steps = {step["step"]: step for step in report["steps"]}
    assert steps["VERSION"]["answer"]["supportedVersions"][-1] == "1.1.0"
    assert [ip["address"] for ip in steps["ADD container2"]["answer"]["ips"]] == ["192.0.2.3/24", "2001:db8::3/64"]
    assert steps["DEL container1"]["exitStatus"] == 0
    demo.assert_nothing_is_left(done.stdout + done.stderr)


REFUSAL = """if verb == "{verb}":
    print('{{"cniVersion": "1.1.0", "code": 104, "msg": "no luck"}}')
    sys.exit(1)"""


@pytest.mark.parametrize("verb", ["STATUS", "ADD", "CHECK", "GC", "DEL"])
def test_an_error_of_the_plugin_is_shown_and_fails_the_demo(demo: Demo, tmp_path: Path, verb: str) -> None:
    done = demo.run(door=lying_door(tmp_path, REFUSAL.format(verb=verb)))
    assert done.returncode == 1
    assert '"msg": "no luck"' in done.stdout
    assert f"FAILED: {verb}" in done.stdout
    assert "All of it worked" not in done.stdout
    demo.assert_nothing_is_left(done.stdout + done.stderr)


LINK_WITHOUT_LEASE = """if verb == "DEL":
    os.system(f"ip -n {os.path.basename(os.environ['CNI_NETNS'])} link delete eth0")
    sys.exit(0)"""


@pytest.mark.parametrize(
    ("lie", "verdict"),
    [
        ('if verb == "GC": sys.exit(0)', "eth0 is still in container2"),
        ('if verb == "DEL": sys.exit(0)', "eth0 is still in container1"),
        ('if verb == "STATUS": print("all is well"); sys.exit(0)', "STATUS was answered with what is not JSON"),
        (LINK_WITHOUT_LEASE, "the plugin's database still has container1"),
    ],
)
def test_a_plugin_that_only_claims_success_is_found_out(demo: Demo, tmp_path: Path, lie: str, verdict: str) -> None:
    done = demo.run(door=lying_door(tmp_path, lie))
    assert done.returncode == 1
    assert verdict in done.stdout
    demo.assert_nothing_is_left(done.stdout + done.stderr)


def test_containers_that_cannot_talk_fail_the_demo(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ping").symlink_to(shutil.which("false") or "")
    demo.variables["PATH"] = f"{tmp_path / 'bin'}:{demo.variables['PATH']}"
    done = demo.run("--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (1, False)
    assert "container1 cannot reach container2 at 192.0.2.3" in report["failures"][0]
    demo.assert_nothing_is_left(done.stdout + done.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_all_is_removed(demo: Demo, tmp_path: Path, number: signal.Signals) -> None:
    with held(tmp_path, "ADD") as door:
        process = demo.start(door=door)
        told = heard(process, "ADD container1")
        process.send_signal(number)
    with process:
        rest, errors = process.communicate(timeout=200)
    assert process.returncode == 128 + number, errors
    assert f"stopped by {number.name}" in rest
    assert "ADD container2" not in rest
    demo.assert_nothing_is_left(told + rest)


def test_a_reader_that_goes_away_ends_it_and_all_is_removed(demo: Demo, tmp_path: Path) -> None:
    with held(tmp_path, "CHECK") as door:
        process = demo.start(door=door)
        told = heard(process, "sandbox")  # in what the first ADD answers
        assert process.stdout is not None
        process.stdout.close()
    with process:
        assert process.wait(timeout=200) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""
    demo.assert_nothing_is_left(told)


def test_two_at_once_do_not_meet(demo: Demo) -> None:
    outcomes: list[int] = []

    def perform() -> None:
        outcomes.append(demo.run().returncode)

    runs = [threading.Thread(target=perform) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert outcomes == [0, 0]


def test_without_root_it_says_so(demo: Demo) -> None:
    # The capability to read whatever root may: the checkout can lie where nobody may look.
    reading = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    done = demo.run(prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *reading))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "cni-macvlan-py demo: needs root, to make network namespaces and interfaces; run it with sudo\n"
    )


@pytest.mark.parametrize(("command", "package"), [("ip", "iproute2"), ("ping", "iputils-ping")])
def test_a_missing_command_is_named_with_its_package(demo: Demo, command: str, package: str) -> None:
    hide = f"""for directory in /bin /sbin /usr/bin /usr/sbin; do
        [ ! -e $directory/{command} ] || mount --bind /dev/null $directory/{command}
    done
    exec "$0" "$@\""""
    hidden = ("unshare", "--mount", "sh", "-euc", hide)
    done = demo.run(prefix=hidden)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"cni-macvlan-py demo: needs the command {command}; run: apt-get install {package}\n"
