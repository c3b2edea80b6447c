"""Whatever an agent says, and whatever a runtime passes: understood as the protocol has it, or an error."""

from __future__ import annotations

import itertools
import os
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.examples import SAME_EVERYWHERE
from tests.launcher.fake_agent import MAGIC, PROTOCOL, WRITTEN, Conversation, FakeAgent, answer, hello

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.launcher.launched import Launcher

FUZZ = settings(SAME_EVERYWHERE, max_examples=200)
LARGEST_ANSWER = 64 << 20

numbers = some.integers(0, 2**32 - 1)
magics = some.one_of(some.just(MAGIC), numbers)
hellos = some.one_of(
    some.builds(hello, some.sampled_from([60_000, 60_002])),
    some.builds(hello, numbers, magic=magics, protocol=some.integers(0, 2)),
)
answers = some.one_of(
    some.builds(answer, some.binary(max_size=5000), some.integers(0, 1)),
    some.builds(
        answer, some.binary(max_size=50), numbers, magic=magics, size=some.one_of(numbers, some.integers(0, 60))
    ),
)
conversations = some.one_of(
    some.binary(max_size=64),
    some.builds(lambda *parts: b"".join(parts), hellos, answers, some.binary(max_size=9)),
    some.builds(lambda first, second, end: (first + second)[:end], hellos, answers, some.integers(0, 64)),
)
texts = some.text(some.characters(codec="utf-8", exclude_characters="\0"), max_size=200)


@pytest.fixture
def fresh_path(tmp_path: Path) -> Callable[[], Path]:
    counter = itertools.count()
    return lambda: tmp_path / str(next(counter))


def understood(said: bytes) -> tuple[int, bytes] | None:
    """The exit status and stdout that a conversation asks for, None if it is not one."""
    if len(said) < 24 or struct.unpack_from("!II", said) != (MAGIC, PROTOCOL):
        return None
    magic, status, size = struct.unpack_from("!III", said, 12)
    body = said[24 : 24 + size]
    if magic != MAGIC or status > 1 or size > LARGEST_ANSWER or len(body) < size or (status, size) == (1, 0):
        return None
    return status, body


@FUZZ
@given(said=conversations)
def test_any_bytes_from_an_agent(launcher: Launcher, fresh_path: Callable[[], Path], said: bytes) -> None:
    def behave(talk: Conversation) -> None:
        talk.send(said)
        talk.socket.shutdown(socket.SHUT_WR)

    path = fresh_path()
    with FakeAgent(path, behave) as agent:
        outcome = launcher.call(path)
    meant = understood(said)
    if meant is None:
        assert outcome.code() == 11
    else:
        assert (outcome.status, outcome.stdout, outcome.stderr) == (*meant, b"")
    assert agent.rests[0].endswith(b"{}" + WRITTEN) == (meant is not None)


@FUZZ
@given(
    config=some.binary(max_size=3000),
    variables=some.dictionaries(
        some.one_of(
            some.builds("CNI_X{}".format, some.text("XY_", max_size=8)),
            some.sampled_from(["TRACEPARENT", "TRACESTATE", "BAGGAGE", "CNI_MACVLAN_CALLED_AS"]),
            some.text("CNI_TRACEPH", min_size=1, max_size=12).filter(lambda name: name not in {"PATH", "CNI_NETNS"}),
        ),
        texts,
    ),
    arguments=some.lists(texts, max_size=2),
)
def test_any_request_arrives(
    launcher: Launcher, fresh_path: Callable[[], Path], config: bytes, variables: dict[str, str], arguments: list[str]
) -> None:
    path = fresh_path()
    with FakeAgent(path) as agent:
        outcome = launcher.call(path, config, variables=variables, arguments=tuple(arguments))
    assert outcome.status == 0
    expected = {key: value for key, value in launcher.environment(path, variables).items() if counts(key)}
    (request,) = agent.requests
    assert sorted(request.environment) == sorted(os.fsencode(f"{key}={value}") for key, value in expected.items())
    assert (request.stdin, request.called_as) == (config, os.fsencode(launcher.executable))


def counts(name: str) -> bool:
    """Whether the protocol sends a variable."""
    return name.startswith("CNI_") or name in {"PATH", "TRACEPARENT", "TRACESTATE", "BAGGAGE"}
