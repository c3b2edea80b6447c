"""Every step of an ADD made to fail: the error is coded JSON, nothing remains, and a retry succeeds."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from ipam.store.witness import forget
from tests.agent.process import until
from tests.crash import remains
from tests.crash.preload import Attached
from tests.crash.stage import Stage
from tests.reference import NEW, reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.preload import Outcome, Preload

ROOM = "4m"
MOST = 200  # more steps of a kind than any call has
UNHANDLED = 99  # the status of a preloaded call that an exception ended


@pytest.fixture
def dual(stage_of: Callable[[str], Stage]) -> Stage:
    """An attachment with addresses of both families from the built-in pool."""
    return stage_of("dual stack pool")


def require_coded(answer: Outcome, when: str) -> None:
    """A failure is told by one JSON document with a code that is not that of a bug."""
    assert answer.status == 1, f"{when}: status {answer.status}: {answer.stdout}{answer.stderr}"
    document = answer.document
    assert document is not None, f"{when}: nothing on stdout: {answer.stderr}"
    assert {"cniVersion", "code", "msg"} <= set(document) <= {"cniVersion", "code", "msg", "details"}, when
    assert document["code"] != 999, f"{when}: {document}\n{answer.stderr}"
    assert document["msg"], when


def fail_each(stage: Stage, kind: str, **how: Any) -> tuple[int, int]:  # noqa: ANN401 - a fault's arguments
    """Let the first, second, … step of a kind fail, each in an ADD of its own; how many failed and how many did not.

    What an ADD can do without may fail without consequence: then its DEL has to leave nothing.
    """
    failed = tolerated = 0
    for number in range(1, MOST):
        answer = stage.call("ADD", fault={"kind": kind, "number": number, **how})
        when = f"{kind} {number}, {answer.report}"
        if not answer.report:  # the call has no such step any more
            stage.call("DEL").expect()
            break
        if answer.status:
            require_coded(answer, when)
            failed += 1
        else:
            stage.call("DEL").expect()
            tolerated += 1
        assert stage.state() == stage.before, when
        stage.add_again()
    return failed, tolerated


def test_each_message_refused_by_the_kernel(stage: Stage) -> None:
    failed, tolerated = fail_each(stage, "refuse_message")
    assert failed >= 4
    assert tolerated <= 1  # the mark of a finished interface


@pytest.mark.parametrize("verb", ["ADD", "DEL", "GC"])
def test_a_link_that_stays_keeps_its_lease(stage: Stage, verb: str) -> None:
    """Whatever the kernel refuses, from some message on: no address is free that an interface has."""
    stayed = 0
    for number in range(1, MOST):
        if verb != "ADD":
            stage.call("ADD").expect()
        answer = stage.call(verb, fault={"kind": "refuse_message", "number": number, "lasting": True})
        when = f"{verb}, from message {number} on, {answer.report}"
        if "net1" in remains.kernel(stage.container.path)["links"]:
            require_held(stage, when)
            stayed += 1
        stage.call("DEL").expect()
        assert stage.state() == stage.before, when
        if not answer.report:
            break
    assert stayed


def require_held(stage: Stage, when: str) -> None:
    """What the attachment's kind gives is given still."""
    rows, files = stage.state()["rows"], stage.state()["files"]
    assert isinstance(rows, dict)
    assert isinstance(files, list)
    has_addresses = bool(global_addresses(stage.container.path))
    ranges = len((stage.config.get("ipam") or {}).get("ranges", ()))
    # An executed IPAM plugin is asked once there is an interface.
    expected = ranges if has_addresses or "foreign" not in stage.path else rows["lease"] + len(files)
    assert (rows["attachment"], rows["lease"] + len(files)) == (1, expected), when


def global_addresses(namespace: Path) -> list[str]:
    """The addresses of a container that an IPAM plugin may have given."""
    command = ["nsenter", f"--net={namespace}", "ip", "-brief", "addr", "show", "scope", "global", "dev", "net1"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[2:]


def test_each_statement_refused_by_the_database(stage: Stage) -> None:
    failed, _ = fail_each(stage, "fail_statement")
    assert failed >= 5


def test_each_sysctl_refused(dual: Stage) -> None:
    failed, tolerated = fail_each(dual, "fail_sysctl")
    assert failed >= 2
    assert tolerated >= 2  # announcements can be done without


def test_database_lost_for_good(stage: Stage) -> None:
    """From some statement on nothing can be written any more: leases may stay until DEL, links may not."""
    for number in range(1, MOST):
        answer = stage.call("ADD", fault={"kind": "fail_statement", "number": number, "lasting": True})
        when = f"from statement {number} on, {answer.report}"
        if not answer.report:
            break
        if answer.status:
            require_coded(answer, when)
            for place in (stage.container.path, stage.preload.lan.node.path):
                assert remains.kernel(place) == stage.before[str(place)], when
            stage.call("ADD").expect()
        stage.call("DEL").expect()
        assert stage.state() == stage.before, when


def test_read_only_sysctls(dual: Stage) -> None:
    """Without /proc/sys an IPv6 address cannot be promised."""
    answer = dual.call("ADD", fault={"kind": "read_only_sysctls"})
    require_coded(answer, "read-only /proc/sys")
    assert answer.code == 105
    assert dual.state() == dual.before
    dual.add_again()


def test_read_only_sysctls_do_without_ipv6(stage_of: Callable[[str], Stage]) -> None:
    stage = stage_of("IPv4 pool")
    stage.call("ADD", fault={"kind": "read_only_sysctls"}).expect()
    stage.call("DEL", fault={"kind": "read_only_sysctls"}).expect()
    assert stage.state() == stage.before


def test_ipv6_that_was_off_is_off_again(stage_of: Callable[[str], Stage]) -> None:
    """What an ADD switched on in the container's loopback is put back where it fails later."""
    stage = stage_of("dual stack pool")
    stage.container.sysctl("net/ipv6/conf/all/disable_ipv6", 1)
    before = stage.state()
    failed = 0
    for number in range(1, MOST):
        answer = stage.call("ADD", fault={"kind": "refuse_message", "number": number})
        if not answer.report or answer.status == 0:
            break
        failed += 1
        assert stage.state() == before, f"message {number}"
    assert failed >= 4


@pytest.mark.parametrize("to", ["closed", "full disk", "reader gone", "full pipe"])
def test_answer_that_cannot_be_delivered(stage: Stage, to: str) -> None:
    answer = stage.call("ADD", fault={"kind": "stdout", "to": to})
    assert (answer.status, answer.stdout) == (1, "")
    assert answer.stderr
    assert "Traceback" not in answer.stderr
    assert stage.state() == stage.before
    stage.add_again()


@pytest.mark.parametrize("received", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_told_to_stop_at_each_step(stage: Stage, received: str) -> None:
    """A signal to stop is obeyed where the call can be undone whole; afterwards the call has succeeded."""
    report = stage.call("ADD", fault={"kind": "at_step"}).report
    stage.call("DEL").expect()
    handled = first_handled(report)
    stopped = 0
    every = 2 if received == "SIGTERM" else 12
    for number in range(1, len(report) + 1, every):
        answer = stage.call("ADD", fault={"kind": "at_step", "number": number, "received": received})
        when = f"{received} before step {number}, {answer.report[number - 1 :][:1]}, of {len(report)}"
        # Before the handlers are in place nothing is done yet; Python's own for SIGINT raises, which the server shows.
        if number <= handled and answer.status in {-getattr(signal, received), UNHANDLED}:
            assert answer.stdout == "", when
        elif answer.status == 1:
            require_coded(answer, when)
            assert answer.code == 11, when
            stopped += 1
        else:
            assert answer.status == 0, f"{when}: {answer.stderr}"
            assert answer.document["interfaces"], when
            stage.call("DEL").expect()
        assert stage.state() == stage.before, when
    assert stopped
    stage.add_again()


def first_handled(report: list[str]) -> int:
    """The step by which a call has installed its handlers of signals."""
    return max(number for number, step in enumerate(report, 1) if step == "signal")


def test_told_to_stop_in_a_del(stage: Stage) -> None:
    """A DEL goes on to its end."""
    stage.call("ADD").expect()
    report = stage.call("DEL", fault={"kind": "at_step"}).report
    for number in range(first_handled(report) + 1, len(report) + 1, 4):
        stage.call("ADD").expect()
        answer = stage.call("DEL", fault={"kind": "at_step", "number": number, "received": "SIGTERM"})
        when = f"SIGTERM before step {number}, {answer.report[number - 1 :][:1]}, of {len(report)}"
        assert (answer.status, answer.stdout) == (0, ""), when
        assert stage.state() == stage.before, when


@pytest.mark.parametrize("length", [64, 200, 230, 240, 250, 255, 256, 400])
def test_second_add_leaves_the_first_alone_however_long_its_names(
    stage_of: Callable[[str], Stage], length: int
) -> None:
    """The mark of a finished interface has room for some names only; a retry must not take it for an unfinished one."""
    stage = stage_of("IPv4 pool")
    stage.whom = Attached("c" * length, stage.whom.netns)
    stage.call("ADD").expect()
    until(lambda: remains.is_settled(stage.container.path, "net1"), "the link-local address is there to stay")
    before = stage.state()
    again = stage.call("ADD")
    assert again.status == 1, again.stderr
    assert again.code == 103
    assert stage.state() == before
    stage.call("DEL").expect()
    assert stage.state() == stage.before


AFTERWARDS = {
    "nonsense for an answer": "echo nonsense",
    "no answer": ":",
    "an answer without addresses": """echo '{"cniVersion": "1.1.0", "ips": []}'""",
    "another version's answer": """echo '{"cniVersion": "9.9.9", "ips": [{"address": "10.9.0.2/24"}]}'""",
    "an answer that is no object": "echo '[]'",
    "an error without a code": """echo '{"msg": "broken"}'; exit 1""",
    "an error object": """echo '{"code": 77, "msg": "broken"}'; exit 1""",
    "a status alone": "exit 3",
    "a signal": "kill -9 $$",
    "an address that the kernel refuses": """echo '{"cniVersion": "1.1.0", "ips": [{"address": "ff02::5/64"}]}'""",
    "bytes that are no text": r"printf '\377\376'",
}


@pytest.mark.parametrize("afterwards", AFTERWARDS.values(), ids=AFTERWARDS.keys())
def test_delegate_that_fails_after_its_add(
    preload: Preload, stage_of: Callable[[str], Stage], tmp_path: Path, afterwards: str
) -> None:
    """The address is taken already: the delegate's DEL has to be run."""
    stage = stage_of("foreign IPAM plugin")
    executable = tmp_path / "host-local"
    executable.write_text(f"""#!/bin/sh
[ "$CNI_COMMAND" = ADD ] || exec {reference(NEW)}/host-local
{reference(NEW)}/host-local >{tmp_path}/taken || exit 9
{afterwards}
""")
    executable.chmod(0o755)
    answer = preload.call("ADD", stage.config, stage.whom, path=str(tmp_path))
    assert "ips" in (tmp_path / "taken").read_text()
    require_coded(answer, afterwards)
    assert stage.state() == stage.before
    stage.add_again()


def test_delegate_that_fails_for_good(preload: Preload, stage_of: Callable[[str], Stage], tmp_path: Path) -> None:
    """Its ADD works and its DEL does not: the record stays for GC, the link does not."""
    stage = stage_of("foreign IPAM plugin")
    executable = tmp_path / "host-local"
    executable.write_text('#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] && echo nonsense && exit 0\nexit 1\n')
    executable.chmod(0o755)
    answer = preload.call("ADD", stage.config, stage.whom, path=str(tmp_path))
    require_coded(answer, "nonsense and a failing DEL")
    for place in (stage.container.path, preload.lan.node.path):
        assert remains.kernel(place) == stage.before[str(place)]
    stage.call("DEL").expect()
    assert stage.state() == stage.before


@pytest.mark.parametrize("kind", ["IPv4 pool", "host-local role", "layer 2"])
def test_disk_that_is_full(preload: Preload, stage_of: Callable[[str], Stage], kind: str) -> None:
    """A tiny file system, fuller each time: the database may fail at any page, its own or its log's."""
    stage = stage_of(kind)
    directory = preload.state_dir if kind != "host-local role" else preload.data_dir
    shutil.rmtree(directory, ignore_errors=True)
    forget(str(directory))
    directory.mkdir()
    preload.mount("mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=0700", "cmv-disk", directory)
    try:
        shown = preload.root() / directory.relative_to("/")
        refused = fill_up(stage, shown)
        # the first few kilobytes hold either nothing at all or the whole of what is small
        assert refused
    finally:
        preload.mount("umount", directory)
        shutil.rmtree(directory)
        forget(str(directory))


def fill_up(stage: Stage, shown: Path) -> int:
    """ADDs on a disk with more and more room; how many were refused. Each is followed by one that has room again."""
    refused = 0
    ballast = shown / "ballast"
    kernel_before = {str(place): stage.before[str(place)] for place in (stage.container.path,)}
    for kilobytes in [*range(0, 64, 4), *range(64, 256, 24)]:
        for path in shown.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        forget(str(stage.preload.state_dir))
        leave_room(ballast, kilobytes)
        answer = stage.call("ADD")
        when = f"{kilobytes} KiB of room"
        if answer.status:
            require_coded(answer, when)
            assert answer.code == 109, f"{when}: {answer.stdout}"
            refused += 1
            assert remains.kernel(stage.container.path) == kernel_before[str(stage.container.path)], when
        else:
            removed = stage.call("DEL")
            assert removed.status == 0 or removed.code == 109, f"{when}: {removed.stdout}"
        ballast.unlink()
        again = stage.call("ADD")
        assert again.status == 0, f"{when}, then enough: {again.stdout}"
        stage.call("DEL").expect()
        assert remains.kernel(stage.container.path) == kernel_before[str(stage.container.path)], when
        assert rows_in(stage) == {"attachment": 0, "lease": 0}, when
    return refused


def rows_in(stage: Stage) -> dict[str, int]:
    """What the database holds; it is copied, for sqlite follows the link of /proc out of the calls' mount namespace."""
    shown = stage.preload.root() / stage.preload.state_dir.relative_to("/")
    with TemporaryDirectory() as copy:
        shutil.copytree(shown, copy, dirs_exist_ok=True)
        return remains.rows(Path(copy))


def leave_room(ballast: Path, kilobytes: int) -> None:
    """Fill the file system but for so much."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - kilobytes * 1024)
