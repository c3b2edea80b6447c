"""A client that does not read its answer, or does not say that it has arrived, holds no worker for a call's limit."""

from __future__ import annotations

import socket
import time

import pytest

from agent import reply, wire

LIMIT = 60.0
ARRIVAL = 0.2
LARGE = b"x" * (8 << 20)  # more than a socket holds


@pytest.mark.parametrize("text", [b"{}", LARGE], ids=["not acknowledged", "not read"])
@pytest.mark.parametrize("status", [0, 1])
def test_who_is_silent_is_waited_for_a_while(monkeypatch: pytest.MonkeyPatch, status: int, text: bytes) -> None:
    monkeypatch.setattr(reply, "ARRIVAL_SECONDS", ARRIVAL)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(LIMIT)
        call = wire.Call({"CNI_COMMAND": "ADD"}, "", b"", [], 3)
        made = reply.Reply(call, ours)
        began = time.monotonic()
        if status:  # an error counts whether it arrives or not
            made.deliver(text, status)
            made.finish()
        else:
            with pytest.raises((TimeoutError, ConnectionAbortedError)):
                made.deliver(text, status)
        assert time.monotonic() - began < LIMIT / 2
