"""Numbers as a Prometheus has them: asked for over HTTP, read by its own parser."""

from __future__ import annotations

import socket
from collections import defaultdict
from http.client import HTTPConnection
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30.0


class _UnixConnection(HTTPConnection):
    """HTTP over a unix socket, as ``curl --unix-socket`` speaks it."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


class Scrape:
    """What an endpoint answers now; ``place`` is a socket's path, or an address and a port."""

    def __init__(self, place: Path | tuple[str, int]) -> None:
        connection = HTTPConnection(*place, timeout=SECONDS) if isinstance(place, tuple) else _UnixConnection(place)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            assert response.status == 200
            self.text = response.read().decode()
        finally:
            connection.close()
        self.samples: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                self.samples[sample.name][tuple(dict(sorted(sample.labels.items())).values())] = sample.value

    def __call__(self, name: str, *labels: str) -> float:
        """One value, by the values of its labels in the order of the labels' names."""
        return self.samples[f"cni_macvlan_{name}"][labels]

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """Every value of a metric that is not 0, by its labels' values."""
        return {labels: value for labels, value in self.samples[f"cni_macvlan_{name}"].items() if value}
