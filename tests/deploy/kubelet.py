"""What a kubelet does with one node's pod, done by containerd on a machine of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.instance import Instance
from tests.deploy.pod import Pod
from tests.namespaces import fresh_suffix

if TYPE_CHECKING:
    from tests.machine import Machine
    from tests.runtime import Json
    from tests.runtimes.cri import Cri


class Kubelet:
    """Runs pods with neither the node's network nor its processes, as their manifest says."""

    def __init__(self, machine: Machine, cri: Cri, settings: Json) -> None:
        self.machine = machine
        self._cri = cri
        self._settings = settings
        self._instances: dict[str, Instance] = {}

    def complete(self, pod: Pod, name: str, image: str, instead: tuple[str, ...] = ()) -> str:
        """Run a container of it to its end, with its own arguments or others; what it said."""
        instance = self._instance(pod)
        arguments = {"args": list(instead)} if instead else {}
        instance.complete(pod.container(name) | {"image": image} | arguments)
        said = instance.log(name)
        instance.remove()
        return said

    def start(self, pod: Pod, image: str, name: str, without: str = "") -> None:
        """Start the agent's container and wait until it is ready; it may do without a capability."""
        self._instances[name] = instance = self._instance(pod)
        container = pod.container("agent") | {"image": image}
        context = dict(container["securityContext"])
        added = [each for each in context["capabilities"]["add"] if each != without]
        context["capabilities"] = context["capabilities"] | {"add": added}
        instance.run(container | {"securityContext": context})
        instance.until_passed(container, "startupProbe")

    def passes(self, pod: Pod, kind: str, name: str) -> bool:
        """Whether a probe succeeds."""
        return self._instances[name].passes(pod.container("agent"), f"{kind}Probe")

    def is_running(self, name: str) -> bool:
        """Whether its process is there."""
        return self._instances[name].is_running("agent")

    def end(self, name: str) -> None:
        """Terminate it, and require that it ends within its grace and content."""
        instance = self._instances.pop(name)
        assert instance.stop("agent") == 0, instance.log("agent")
        instance.remove()

    def _instance(self, pod: Pod) -> Instance:
        name = fresh_suffix()
        instance = Instance(
            {"metadata": {"namespace": "default", "name": name, "uid": name}, "spec": pod.spec},
            self.machine, self._cri,
        )  # fmt: skip
        instance.run_sandbox()
        instance.make_volumes(lambda _: self._settings)
        return instance
