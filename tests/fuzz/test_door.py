"""Whatever the environment and stdin: a valid result or a coded error, and nothing left of it."""

from __future__ import annotations

import gc
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import SAME_EVERYWHERE
from tests.fuzz.hostile import ARGUMENTS, WORDS
from tests.fuzz.inputs import SPECIMENS, TEXT, VERBS, configurations, damaged, replaced, right, spots, written
from tests.fuzz.sandbox import NETWORK, Sandbox
from tests.fuzz.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def sandbox(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Namespaces and directories of this module's own; the machine's are not touched, and no descriptor is lost."""
    del root
    links = {name for _, name in socket.if_nameindex()}
    with Sandbox(tmp_path_factory.mktemp("fuzz")) as made:
        call(made, "STATUS", written(right(made.data_dir)[1], ascii_only=True))
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        yield made
        gc.collect()
        assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
        assert made.ifname not in {name for _, name in socket.if_nameindex()} - links
    # os.walk, because other tests' files may vanish before its eyes
    found = [name for _, directories, files in os.walk("/var/lib/cni") for name in directories + files]
    assert not [name for name in found if NETWORK in name]


def environment(sandbox: Sandbox, verb: str) -> dict[str, str]:
    """The variables of a call that is right."""
    return {
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": "fuzz-container",
        "CNI_NETNS": sandbox.netns,
        "CNI_IFNAME": sandbox.ifname,
        "CNI_PATH": str(sandbox.empty),
    }


def call(sandbox: Sandbox, verb: str, stdin: bytes, **variables: str) -> Any:  # noqa: ANN401 - any JSON
    """Make one call and judge the answer; an ADD that succeeds is undone by its DEL, and nothing may be left."""
    asked = environment(sandbox, verb) | variables
    status, stdout = sandbox.call(asked, stdin)
    document = judge(verb, status, stdout)
    if status == 0 and verb == "ADD":
        deleted = sandbox.call(asked | {"CNI_COMMAND": "DEL"}, stdin)
        assert deleted == (0, b"")
    sandbox.require_nothing_left()
    return document


def test_what_is_right_succeeds(sandbox: Sandbox) -> None:
    """Otherwise the mutations below would start from something that is wrong anyway."""
    for config in right(sandbox.data_dir):
        document = call(sandbox, "ADD", written(config, ascii_only=True))
        assert "code" not in document, document


@pytest.mark.parametrize("number", range(len(right(Path("/")))))
def test_each_value_replaced(sandbox: Sandbox, number: int) -> None:
    """One thing wrong at a time, at every spot; where several configurations share a spot the first stands for all."""
    config = right(sandbox.data_dir)[number]
    known = {spot for earlier in right(sandbox.data_dir)[:number] for spot in spots(earlier)}
    wrong = []
    for spot in spots(config):
        for specimen in SPECIMENS if spot not in known else ():
            stdin = written(replaced(config, spot, specimen), ascii_only=True)
            for verb in ("ADD", "DEL"):
                try:
                    call(sandbox, verb, stdin)
                except AssertionError as error:
                    wrong.append(f"{verb} {stdin[:300]!r}: {error}")
    assert wrong == []


@settings(SAME_EVERYWHERE, max_examples=1500)
@given(data=st.data(), verb=st.sampled_from((*VERBS, "ADD", "ADD", "ADD", "CHECK")))
def test_mutated_configurations(sandbox: Sandbox, data: st.DataObject, verb: str) -> None:
    call(sandbox, verb, data.draw(configurations(sandbox.data_dir)))


@settings(SAME_EVERYWHERE, max_examples=400)
@given(data=st.data(), verb=st.sampled_from(VERBS))
def test_damaged_bytes(sandbox: Sandbox, data: st.DataObject, verb: str) -> None:
    call(sandbox, verb, data.draw(damaged(sandbox.data_dir)))


@settings(SAME_EVERYWHERE, max_examples=400)
@given(stdin=st.binary(max_size=60), verb=st.sampled_from(VERBS))
def test_garbage(sandbox: Sandbox, stdin: bytes, verb: str) -> None:
    call(sandbox, verb, stdin)


@settings(SAME_EVERYWHERE, max_examples=1200)
@given(
    verb=st.sampled_from(VERBS) | WORDS,
    container_id=st.just("c1") | WORDS,
    ifname=st.none() | WORDS,
    netns=st.none() | st.sampled_from(["/", "/dev/null", "/proc/self/ns/mnt", "/nonexistent"]) | WORDS,
    arguments=st.lists(ARGUMENTS | WORDS, max_size=3).map(";".join),
    config=st.integers(0, 8),
)
def test_environments(  # noqa: PLR0913, PLR0917 - one for each variable
    sandbox: Sandbox, verb: str, container_id: str, ifname: str | None, netns: str | None, arguments: str, config: int
) -> None:
    variables = {"CNI_CONTAINERID": container_id, "CNI_ARGS": arguments}
    variables |= {"CNI_IFNAME": ifname} if ifname is not None else {}
    variables |= {"CNI_NETNS": netns} if netns is not None else {}
    call(sandbox, verb, written(right(sandbox.data_dir)[config], ascii_only=True), **variables)


@settings(SAME_EVERYWHERE, max_examples=300)
@given(
    data=st.data(), role=st.sampled_from(["host-local", "static", "cni-macvlan-py"]), verb=st.sampled_from(VERBS[:5])
)
def test_as_ipam_plugin(sandbox: Sandbox, data: st.DataObject, role: str, verb: str) -> None:
    """In the roles of an IPAM plugin nothing is made but leases."""
    stdin = data.draw(configurations(sandbox.data_dir))
    asked = environment(sandbox, verb)
    status, stdout = sandbox.call(asked, stdin, f"/opt/cni/bin/{role}")
    judge(verb, status, stdout)
    if status == 0 and verb == "ADD":
        assert sandbox.call(asked | {"CNI_COMMAND": "DEL"}, stdin, f"/opt/cni/bin/{role}") == (0, b"")
    sandbox.require_nothing_left()


@settings(SAME_EVERYWHERE, max_examples=60)
@given(answer=st.binary(max_size=30) | TEXT.map(lambda t: json.dumps({"ips": t}).encode()))
def test_answers_of_an_ipam_plugin(sandbox: Sandbox, answer: bytes) -> None:
    """What another executable prints is input like any other."""
    foreign = sandbox.directory / "foreign"
    foreign.mkdir(exist_ok=True)
    (foreign / "answer").write_bytes(answer)
    executable = foreign / "strange"
    if not executable.exists():
        executable.write_text(f'#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] && cat {foreign}/answer\nexit 0\n')
        executable.chmod(0o755)
    config = right(sandbox.data_dir)[0] | {"ipam": {"type": "strange"}}
    call(sandbox, "ADD", written(config, ascii_only=True), CNI_PATH=str(foreign))
