"""The agent's numbers as Prometheus has them; docs/metrics.md lists all of them."""

from __future__ import annotations

import platform
import threading
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from agent.exposition import Exposition
from agent.meter import REFUSALS, Load, Meter
from agent.pool_metrics import PREFIX, PoolCollector
from conf.versions import FIRST_VERSION_OF
from plugin.release import HOME, version_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.endpoint import Endpoint
    from ipam.store.usage import Usage

# From a VERSION to a call that waits for another before it waits for an address.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
OTHER = "other"
LARGEST_CODE = 999  # an executed IPAM plugin may answer any number, and each would be a series of its own


class Metrics(Meter):
    """Counts and measures, and answers at ``endpoint``; ``read_usage`` is asked for the pools at each scrape."""

    def __init__(self, endpoint: Endpoint, read_usage: Callable[[], Usage]) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._endpoint = endpoint
        self._exposition: Exposition | None = None
        self._calls = self._counter("calls", "Calls that were answered.", "verb", "result", "code")
        self._seconds = Histogram(
            f"{PREFIX}call_duration_seconds",
            "From the last byte of a request to the answer's arrival, waiting included.",
            ["verb"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._refused = self._counter("refused", "Connections that were not served.", "reason")
        self._leaks_found = self._counter("leaks_found", "What GC found that no valid attachment accounts for.")
        self._leaks_repaired = self._counter("leaks_repaired", "What GC removed of it.")
        self._in_flight = self._gauge("calls_in_flight", "Calls that are being served.")
        self._waiting = self._gauge("calls_waiting", "Calls that wait for a worker.")
        self._workers = self._gauge("workers", "Calls that can be served at the same time.")
        self._gauge("threads", "Threads of the process.").set_function(threading.active_count)
        build = Info(f"{PREFIX}build", "The version that runs, and its Python.", registry=self.registry)
        build.info({"version": version_of(HOME), "python": platform.python_version()})
        ProcessCollector(registry=self.registry)
        self.registry.register(PoolCollector(read_usage))
        # A series that begins at its first event hides that event from rate() and increase().
        for verb in FIRST_VERSION_OF:
            self._calls.labels(verb, "success", "0")
            self._seconds.labels(verb)
        for reason in REFUSALS:
            self._refused.labels(reason)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(PREFIX + name, text, registry=self.registry)

    def open(self, load: Load) -> None:
        """Begin to answer, with the load among the numbers. Raises OSError or TryAgain."""
        self._in_flight.set_function(load.busy)
        self._waiting.set_function(load.waiting)
        self._workers.set_function(load.count)
        self._exposition = Exposition(self._endpoint, self.registry)

    def close(self) -> None:
        """Answer who has asked already, and no more."""
        if self._exposition:
            self._exposition.close()

    def ended(self, verb: str, code: int, seconds: float) -> None:
        """Count and measure a call."""
        known = verb if verb in FIRST_VERSION_OF else OTHER
        result = "failure" if code else "success"
        self._calls.labels(known, result, str(code) if 0 <= code <= LARGEST_CODE else OTHER).inc()
        self._seconds.labels(known).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self._refused.labels(reason).inc()

    def leaked(self, found: int, repaired: int) -> None:
        """Count leaks."""
        self._leaks_found.inc(found)
        self._leaks_repaired.inc(repaired)
