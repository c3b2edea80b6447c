"""The kinds of objects that the API server keeps, and where in its API each is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object; the group of Kubernetes' own kinds may be empty."""

    group: str
    version: str
    name: str
    plural: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    built_in: bool = True

    @property
    def api_version(self) -> str:
        """What an object of it has as ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Where its version of its group is, without a slash before it."""
        return f"apis/{self.api_version}" if self.group else f"api/{self.version}"

    @property
    def resource(self) -> str:
        """What messages call it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


NAMESPACE = Kind("", "v1", "Namespace", "namespaces", ("ns",), namespaced=False)
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", ("cm",))
POD = Kind("", "v1", "Pod", "pods", ("po",))
DAEMON_SET = Kind("apps", "v1", "DaemonSet", "daemonsets", ("ds",))
ATTACHMENT = Kind(
    "k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition", "network-attachment-definitions", ("net-attach-def",),
    built_in=False,
)  # fmt: skip
KINDS = (NAMESPACE, CONFIG_MAP, POD, DAEMON_SET, ATTACHMENT)
