"""Many calls at once: those for one attachment take turns, all others run side by side."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.agent.process import Agent, until
from tests.crash import remains

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.runtime import Answer, Runtime

MANY = 16
DUAL = {
    "type": "cni-macvlan-py",
    "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]],
    "routes": [{"dst": "::/0"}],
}


def test_attachments_run_side_by_side(spoken: Runtime, lan: Lan, agent: Agent) -> None:
    """Each waits one to two seconds for its duplicate address detection; all of them together wait no longer."""
    containers = [lan.container(dad=True) for _ in range(MANY)]
    config = spoken.config(DUAL)
    with ThreadPoolExecutor(MANY) as threads:
        began = time.monotonic()
        answers = list(threads.map(lambda each: spoken.add(config, each), containers))
        took = time.monotonic() - began
        addresses = [address for answer in answers for address in answer.addresses]
        assert len(set(addresses)) == 2 * MANY
        assert 1.0 < took < MANY / 2, "one second for all, not for each"
        deleted = list(threads.map(lambda each: spoken.delete(config, each), containers))
    assert [answer.status for answer in deleted] == [0] * MANY
    assert remains.rows(spoken.state_dir) == {"attachment": 0, "lease": 0}
    assert len(agent.threads()) == MANY + 1


def test_one_attachment_takes_turns(spoken: Runtime, lan: Lan) -> None:
    """Of eight ADDs one succeeds and the others find it finished; eight DELs are content; any mixture leaves sense."""
    container = lan.container()
    config = spoken.config(DUAL)
    with ThreadPoolExecutor(8) as threads:

        def at_once(*verbs: str) -> list[Answer]:
            return list(threads.map(lambda verb: spoken.attach(verb, config, container), verbs))

        assert Counter(answer.code for answer in at_once(*["ADD"] * 8)) == {0: 1, 103: 7}
        assert remains.rows(spoken.state_dir) == {"attachment": 1, "lease": 2}
        assert Counter(answer.code for answer in at_once(*["DEL"] * 8)) == {0: 8}
        assert remains.rows(spoken.state_dir) == {"attachment": 0, "lease": 0}
        for _ in range(5):
            answers = at_once(*["ADD", "DEL"] * 4)
            assert {answer.code for answer in answers} <= {0, 103}
        spoken.attach("DEL", config, container).expect()
    assert container.links() == ["lo"]
    assert remains.rows(spoken.state_dir) == {"attachment": 0, "lease": 0}


def test_del_waits_for_add(spoken: Runtime, lan: Lan) -> None:
    """A DEL that comes while the ADD is at work waits for it, and then removes what it made."""
    container = lan.container(dad=True)
    config = spoken.config(DUAL)
    added: list[Answer] = []
    adding = threading.Thread(target=lambda: added.append(spoken.attach("ADD", config, container)))
    adding.start()
    until(lambda: "net1" in container.links(), "the ADD is at work")
    spoken.attach("DEL", config, container).expect()
    adding.join()
    added[0].expect()
    assert container.links() == ["lo"]
    assert remains.rows(spoken.state_dir) == {"attachment": 0, "lease": 0}
