"""IPAM plugins of others that do not end: they are killed with what they started, and nothing of the call is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import until
from tests.crash import remains

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime

SECONDS = 1
MORE_SECONDS = 5  # what an execution has at least, however many a call makes: time for that on a busy machine
# Each execution is noted; those of the verbs in the file "hang" wait for a child that has the plugin's stdout.
PLUGIN = """#!/bin/sh
echo $CNI_COMMAND >> NOTES/verbs
read hang < NOTES/hang
case "$hang" in *$CNI_COMMAND*) sleep 1000; esac
[ $CNI_COMMAND = ADD ] && echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.9.0.7/24"}]}'
exit 0
"""
NOTHING = {"attachment": 0, "lease": 0}


class Hanging:
    """The plugin as a runtime sees it."""

    def __init__(self, runtime: Runtime, lan: Lan, notes: Path) -> None:
        self.runtime = runtime
        self.lan = lan
        self.container = lan.container()
        self.config = runtime.config({"type": "hanging"}, cniVersion="1.1.0")
        self.path = runtime.cni_path / "hanging"
        self.path.write_text(PLUGIN.replace("NOTES", str(notes)))
        self.path.chmod(0o755)
        self._verbs, self._hang = notes / "verbs", notes / "hang"
        self._settings = runtime.settings.read_text()
        self.hang_in()

    def hang_in(self, *verbs: str, seconds: int = SECONDS) -> None:
        """Hang from now on in these verbs and no others; such a call is given ``seconds``, others what is usual."""
        self.seconds = seconds
        self._hang.write_text(f"{' '.join(verbs)}\n")
        self._verbs.write_text("")
        self.runtime.settings.write_text(self._settings + (f"delegate_timeout = {seconds}\n" if verbs else ""))

    def executed(self) -> list[str]:
        """The verbs that it was executed for, in their order; none of its processes is left, once the killed died."""
        until(lambda: not self.lan.node.processes(), "the plugin and what it started are gone")
        return self._verbs.read_text().split()

    def require_named(self, msg: str, verb: str) -> None:
        """The message names plugin, verb, time and cure."""
        assert f'IPAM plugin "{self.path}" did not end its {verb} within {self.seconds} s and was killed' in msg
        assert 'raise "delegate_timeout" in the settings' in msg


@pytest.fixture
def hanging(runtime: Runtime, lan: Lan, tmp_path: Path) -> Hanging:
    return Hanging(runtime, lan, tmp_path)


def test_add_that_hangs_is_undone(hanging: Hanging, runtime: Runtime) -> None:
    hanging.hang_in("ADD", seconds=MORE_SECONDS)
    began = time.monotonic()
    answer = runtime.add(hanging.config, hanging.container)
    assert time.monotonic() - began > MORE_SECONDS
    assert answer.code == 111
    hanging.require_named(answer.document["msg"], "ADD")
    assert hanging.executed() == ["ADD", "DEL"]
    assert hanging.container.links() == ["lo"]
    assert remains.rows(runtime.state_dir) == NOTHING
    hanging.hang_in()
    assert runtime.add(hanging.config, hanging.container).addresses == ["10.9.0.7/24"]
    runtime.delete(hanging.config, hanging.container).expect()


def test_del_that_hangs_removes_the_interface(hanging: Hanging, runtime: Runtime) -> None:
    """The record stays until the plugin has freed its address."""
    runtime.add(hanging.config, hanging.container).expect()
    hanging.hang_in("DEL")
    answer = runtime.delete(hanging.config, hanging.container)
    assert answer.code == 111
    hanging.require_named(answer.document["msg"], "DEL")
    assert hanging.executed() == ["DEL"]
    assert hanging.container.links() == ["lo"]
    assert remains.rows(runtime.state_dir) == {"attachment": 1, "lease": 0}
    hanging.hang_in()
    runtime.delete(hanging.config, hanging.container).expect()
    assert remains.rows(runtime.state_dir) == NOTHING


@pytest.mark.parametrize("verb", ["CHECK", "STATUS", "GC"])
def test_other_verbs_that_hang(hanging: Hanging, runtime: Runtime, verb: str) -> None:
    added = runtime.add(hanging.config, hanging.container)
    hanging.hang_in(verb)
    calls = {
        "CHECK": lambda: runtime.check(hanging.config, hanging.container),
        "STATUS": lambda: runtime.status(hanging.config),
        "GC": lambda: runtime.gc(hanging.config, (hanging.container, "net1")),
    }
    answer = calls[verb]()
    assert added.addresses == ["10.9.0.7/24"]
    assert answer.code == 111
    hanging.require_named(answer.document["msg"], verb)
    assert hanging.executed() == [verb]
    hanging.hang_in()
    runtime.delete(hanging.config, hanging.container).expect()


def test_time_that_is_none(runtime: Runtime) -> None:
    for value in ("0", "-1", "true", '"110"', "nan", "inf", "86401", "[]"):
        runtime.settings.write_text(f"delegate_timeout = {value}\n")
        answer = runtime.status(runtime.config(cniVersion="1.1.0"))
        assert answer.code == 100, value
        assert f'{runtime.settings}: "delegate_timeout" = ' in answer.document["msg"], value
        assert "use seconds above 0 and up to 86400" in answer.document["msg"], value
