"""A client's word that an ADD's result has arrived, at the very moment at which it is no longer waited for.

Either it is heard and the ADD stays, or the client is told that it was not: never does it believe in what is undone.
"""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import Agent, inside_python, until
from tests.agent.protocol import DELIVERED, Conversation
from tests.agent.test_death import begin_speaking, is_clean
from tests.crash import remains

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

POOL = {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.0/24"}]]}
AT_ONCE = 8
ROUNDS = 5
MOMENT = 0.2

# An agent that waits for so long, and a step of whose wait's end lasts until a FIFO was opened and closed.
LATE = """
import os
from agent import command, reply
reply.ARRIVAL_SECONDS = float(sys.argv[1])

class Connection:
    def __init__(self, real):
        self.real = real

    def __getattr__(self, name):
        return getattr(self.real, name)

    def recv(self, *how):
        try:
            return self.real.recv(*how)
        except TimeoutError:
            self.hesitate("waited")
            raise

    def close(self):
        self.hesitate("closing")
        self.real.close()

    def hesitate(self, step):
        if step == sys.argv[2]:
            with open(sys.argv[3]) as fifo:
                fifo.read()

make = reply.Reply.__init__

def made(self, call, connection):
    make(self, call, Connection(connection))

reply.Reply.__init__ = made
command.run_agent(["--socket", sys.argv[4]])
"""


def late(step: str, fifo: Path) -> tuple[str, ...]:
    """The command of such an agent; with no step it does not hesitate."""
    return (*inside_python(LATE), str(MOMENT), step, str(fifo))


def is_heard(conversation: Conversation) -> bool:
    """Whether the agent takes the client's word, as a client finds out."""
    try:
        return conversation.socket.send(DELIVERED) == len(DELIVERED)
    except BrokenPipeError:
        return False


@pytest.mark.parametrize("step", ["waited", "closing"])
def test_a_word_between_wait_and_close(runtime: Runtime, lan: Lan, tmp_path: Path, step: str) -> None:
    """Before the agent has made up its mind it is heard; afterwards the client learns that it was not."""
    container = lan.container()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    config = runtime.config(POOL)
    with Agent(tmp_path / "agent.sock", command=late(step, fifo)) as agent:
        with begin_speaking(runtime, agent, config, container) as conversation:
            assert conversation.answer(acknowledge=False)[0] == 0
            with fifo.open("w"):
                believed = is_heard(conversation)
            assert believed == (step == "waited")
            until(agent.is_resting, "the call has ended")
        assert ("net1" in container.links()) == believed
        assert remains.rows(runtime.state_dir)["attachment"] == believed
        runtime.delete(config, container).expect()
        assert is_clean(runtime, container)


def test_words_at_any_moment_around_it(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """The seed makes the moments repeatable, and the machine what comes of them."""
    chance = random.Random(40)  # noqa: S311 - no secret
    containers = [lan.container() for _ in range(AT_ONCE)]
    config = runtime.config(POOL)
    with Agent(tmp_path / "agent.sock", command=late("", tmp_path)) as agent, ThreadPoolExecutor(AT_ONCE) as threads:
        for _ in range(ROUNDS):
            with ExitStack() as stack:
                conversations = [
                    stack.enter_context(begin_speaking(runtime, agent, config, container)) for container in containers
                ]

                def speak(conversation: Conversation, moment: float) -> bool:
                    assert conversation.answer(acknowledge=False)[0] == 0
                    threading.Event().wait(moment)
                    return is_heard(conversation)

                moments = [MOMENT + chance.uniform(-0.01, 0.01) for _ in containers]
                believed = list(threads.map(speak, conversations, moments))
                until(agent.is_resting, "all calls have ended")
            assert ["net1" in container.links() for container in containers] == believed
            for container in containers:
                runtime.delete(config, container).expect()
                assert container.links() == ["lo"]
