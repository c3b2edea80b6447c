"""Many calls at once: those for one attachment take turns, all others run side by side."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.agent.held import detained
from tests.agent.process import until
from tests.agent.protocol import Spoken
from tests.crash import remains

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agent.process import Agent
    from tests.lan import Lan
    from tests.runtime import Answer, Runtime

MANY = 16
DUAL = {
    "type": "cni-macvlan-py",
    "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]],
    "routes": [{"dst": "::/0"}],
}


def test_attachments_run_side_by_side(runtime: Runtime, lan: Lan, patient: Agent) -> None:
    """All of them wait for duplicate address detection at the same time."""
    containers = [detained(lan) for _ in range(MANY)]
    config = runtime.config(DUAL)
    runtime.way = Spoken(patient.socket)
    with ThreadPoolExecutor(MANY) as threads:
        added = threads.map(lambda each: runtime.add(config, each), containers)
        until(lambda: all("net1" in each.links() for each in containers), "all are at work")
        lan.unplug()
        addresses = [address for answer in added for address in answer.addresses]
        assert len(set(addresses)) == 2 * MANY
        deleted = list(threads.map(lambda each: runtime.delete(config, each), containers))
    assert [answer.status for answer in deleted] == [0] * MANY
    assert remains.rows(runtime.state_dir) == {"attachment": 0, "lease": 0}
    assert len(patient.threads()) == MANY + 1


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


def test_del_waits_for_add(runtime: Runtime, lan: Lan, patient: Agent) -> None:
    """A DEL that comes while the ADD is at work waits for it, and then removes what it made."""
    container = detained(lan)
    config = runtime.config(DUAL)
    runtime.way = Spoken(patient.socket)
    with ThreadPoolExecutor(2) as threads:
        added = threads.submit(runtime.attach, "ADD", config, container)
        until(lambda: "net1" in container.links(), "the ADD is at work")
        deleted = threads.submit(runtime.attach, "DEL", config, container)
        until(lambda: patient.at_work_on(container) == 2, "the DEL has come as far as the lock")
        assert "net1" in container.links()
        lan.unplug()
        added.result().expect()
        deleted.result().expect()
    assert container.links() == ["lo"]
    assert remains.rows(runtime.state_dir) == {"attachment": 0, "lease": 0}


# An IPAM plugin whose DEL lasts, while there is a FIFO, until that has been opened and closed.
HESITANT = """#!/bin/sh
echo $CNI_COMMAND >> NOTES
[ $CNI_COMMAND = DEL ] && [ -p FIFO ] && cat FIFO
[ $CNI_COMMAND = ADD ] && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.77/24"}]}'
exit 0
"""


def test_add_waits_for_del(spoken: Runtime, lan: Lan, agent: Agent, tmp_path: Path) -> None:
    """An ADD that comes while the DEL is at work waits until all is freed, and keeps what it is given."""
    container = lan.container()
    notes, fifo = tmp_path / "notes", tmp_path / "fifo"
    hesitant = spoken.cni_path / "hesitant"
    hesitant.write_text(HESITANT.replace("NOTES", str(notes)).replace("FIFO", str(fifo)))
    hesitant.chmod(0o755)
    config = spoken.config({"type": "hesitant"})
    spoken.attach("ADD", config, container).expect()
    notes.write_text("")
    os.mkfifo(fifo)
    with ThreadPoolExecutor(2) as threads:
        deleted = threads.submit(spoken.attach, "DEL", config, container)
        until(notes.read_text, "the DEL is at work")
        added = threads.submit(spoken.attach, "ADD", config, container)
        until(lambda: agent.at_work_on(container) == 2, "the ADD has come as far as the lock")
        assert notes.read_text() == "DEL\n"
        with fifo.open("w"):
            fifo.unlink()
        deleted.result().expect()
        added.result().expect()
    assert "net1" in container.links()
    assert remains.rows(spoken.state_dir)["attachment"] == 1
    spoken.attach("DEL", config, container).expect()
