"""containerd makes the sandboxes of pods on a network of ours, as a kubelet asks it to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lan import GATEWAY4
from tests.runtimes.containerd import PODS, SOCKET, Kubelet
from tests.runtimes.cri import Cri, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runtimes.node import Node

PING = ("/bin/ping", "-c", "1", "-w", "60")


@pytest.fixture
def kubelet(node: Node, request: pytest.FixtureRequest) -> Iterator[Kubelet]:
    """With a network from the runtime's start on: of changes it takes notice in its own time."""
    node.network("lan", **getattr(request, "param", {}))
    node.record()
    with Cri(node.machine.path(SOCKET)) as cri:
        yield Kubelet(node, cri)


def test_pods_reach_each_other_and_the_lan(kubelet: Kubelet) -> None:
    first, second = kubelet.run("first"), kubelet.run("second")
    assert [kubelet.reported(first), kubelet.reported(second)] == ["10.9.0.20", "10.9.0.21"]
    assert kubelet.address(first, namespace=PODS) == "10.9.0.20"
    for target in ("10.9.0.21", GATEWAY4):
        kubelet.inside(first, *PING, target, namespace=PODS)
    kubelet.node.lan.peer.run("ping", "-c", "1", "-w", "60", "10.9.0.20")
    for sandbox in (first, second):
        kubelet.stop(sandbox)
        kubelet.remove(sandbox)


def test_pod_may_be_stopped_twice(kubelet: Kubelet) -> None:
    """A kubelet that is not sure asks again."""
    sandbox = kubelet.run("first")
    kubelet.stop(sandbox)
    kubelet.stop(sandbox)
    kubelet.remove(sandbox)
    kubelet.remove(sandbox)
    calls = [call.split(" ")[0] for call in kubelet.node.recorded()]
    assert calls[0] == "ADD"
    assert calls[1:].count("DEL") >= 2
    assert set(calls[1:]) == {"DEL"}


def test_pods_outlive_the_runtime_and_the_agent(kubelet: Kubelet) -> None:
    sandbox = kubelet.run("first")
    kubelet.restart()
    kubelet.node.restart_agent()
    kubelet.node.lan.peer.run("ping", "-c", "1", "-w", "60", "10.9.0.20")
    kubelet.stop(sandbox)
    kubelet.remove(sandbox)


def test_sandbox_that_was_killed_is_cleaned_up_after(kubelet: Kubelet) -> None:
    sandbox = kubelet.run("first")
    kubelet.kill(sandbox)
    kubelet.stop(sandbox)
    kubelet.remove(sandbox)


@pytest.mark.parametrize("kubelet", [{"rangeEnd": "10.9.0.20"}], indirect=True, ids=["one address"])
def test_message_of_a_failed_add_reaches_the_kubelet_which_tries_again(kubelet: Kubelet) -> None:
    first = kubelet.run("first")
    with pytest.raises(Refused, match=r"no IP addresses available in range set: 10\.9\.0\.20-10\.9\.0\.20"):
        kubelet.run("second")
    kubelet.stop(first)
    second = kubelet.run("second")
    assert kubelet.reported(second) == "10.9.0.20"
    kubelet.stop(second)
    kubelet.remove(first)
    kubelet.remove(second)
