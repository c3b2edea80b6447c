"""When its answer is there, the agent holds nothing of its caller: what the call came from can be taken away."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import Agent, until
from tests.agent.protocol import OWN_MOUNT, OWN_ROOT, Conversation, open_namespaces, request
from tests.namespaces import execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

TIMES = 40
LIBC = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2  # linux/fs.h
POOL = {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/16"}]]}


@contextmanager
def mounted(path: Path, *words: str) -> Iterator[None]:
    """Something is mounted there, for the length of a block at most: not even a test that fails leaves it."""
    execute("mount", *words, str(path))
    try:
        yield
    finally:
        LIBC.umount2(os.fsencode(path), MNT_DETACH)


def unmounts_at_once(path: Path) -> bool:
    """Unmount as a runtime does, by one plain umount(2); who finds the file busy tries again, to leave nothing."""
    if LIBC.umount2(os.fsencode(path), 0) == 0:
        return True
    until(lambda: LIBC.umount2(os.fsencode(path), 0) == 0, f"{path} is no longer busy: {ctypes.get_errno()}")
    return False


@pytest.mark.parametrize("verbs", [("ADD",), ("ADD", "CHECK"), ("ADD", "DEL"), ("DEL",), ("CHECK",), ("ADD", "GC")])
def test_the_namespace_of_a_container_can_be_unmounted_at_once(
    spoken: Runtime, lan: Lan, tmp_path: Path, verbs: tuple[str, ...]
) -> None:
    """Whatever was called for it last, and whether it succeeded: the file is not busy when the answer is there."""
    config = spoken.config(POOL, cniVersion="1.1.0")
    container = lan.container()
    busy = 0
    for number in range(TIMES):
        # At a place of its own: below /run/netns others look into every namespace.
        path = tmp_path / f"{number}"
        path.touch()
        with mounted(path, "--bind", str(container.path)):
            for verb in verbs:
                if verb == "GC":
                    spoken.gc(config).expect()
                else:
                    answer = getattr(spoken, {"ADD": "add", "CHECK": "check", "DEL": "delete"}[verb])(
                        config, container, netns=str(path)
                    )
                    assert answer.ok == (verbs != ("CHECK",)), answer.stdout
            busy += not unmounts_at_once(path)
        spoken.delete(config, container).expect()
    assert busy == 0


def test_what_came_with_a_call_that_is_refused_can_be_unmounted(agent: Agent, tmp_path: Path) -> None:
    """A request that is none, and one that names no namespaces: the connection's end is the end of both."""
    for said in (b"GET / HTTP/1.1", request({"CNI_COMMAND": "ADD"}, "{}")):
        for number in range(TIMES):
            place = tmp_path / f"{number}"
            place.mkdir(exist_ok=True)
            with mounted(place, "-t", "tmpfs", "none"), Conversation(agent.socket) as conversation:
                opened = open_namespaces(place, OWN_MOUNT, OWN_ROOT)
                conversation.ask(said, opened)
                for descriptor in opened:
                    os.close(descriptor)
                conversation.turned_away()
                assert unmounts_at_once(place)
