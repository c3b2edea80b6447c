"""Waits for others, told to whoever has something better to do with the thread meanwhile."""

from __future__ import annotations

from contextlib import nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Listening = Callable[[], AbstractContextManager[object]]

_listening: ContextVar[Listening] = ContextVar("listening", default=nullcontext)


def tell(listening: Listening) -> None:
    """Have each wait of the calling thread be told, by a block that is entered and left with it."""
    _listening.set(listening)


def waiting() -> AbstractContextManager[object]:
    """A block that lasts as long as somebody else wants it to: another call, an executable, a client, a network."""
    return _listening.get()()
