"""Prometheus metrics, on an HTTP page of their own."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lintel.edge.errors import SettingsInvalidError
from lintel.edge.runtime import Runtime
from lintel.edge.service.admission import Admission
from lintel.edge.service.calls import CallRecord
from lintel.edge.service.door import Door
from lintel.edge.service.door_metrics import DoorMetrics
from lintel.edge.service.metrics_page import MetricsPage

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts calls, and shows them with the counters that others keep.

    Args:
        admission: Whose calls in flight are shown.
        runtime: Whose models' counters are shown.
        door: Whose cameras' counters are shown.
    """

    def __init__(self, admission: Admission, runtime: Runtime, door: Door) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Gauges(admission, runtime))
        self.registry.register(DoorMetrics(door))
        self._calls = Counter(
            "lintel_calls", "Finished calls.", ["method", "code"], registry=self.registry
        )
        self._queue = Histogram(
            "lintel_call_queue_seconds",
            "Seconds from a call's arrival to the start of work on it.",
            ["method"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._work = Histogram(
            "lintel_call_work_seconds",
            "Seconds of work on a call.",
            ["method"],
            buckets=SECONDS,
            registry=self.registry,
        )

    def observe(self, record: CallRecord) -> None:
        """Counts a finished call."""
        self._calls.labels(record.method, record.code).inc()
        if record.work_s > 0:
            self._queue.labels(record.method).observe(record.queue_s)
            self._work.labels(record.method).observe(record.work_s)

    def listen(self, address: str) -> tuple[MetricsPage, Thread]:
        """Serves the page on "HOST:PORT".

        Returns:
            The HTTP server, to shut down, and its thread.

        Raises:
            SettingsInvalidError: The address is taken or not this machine's.
        """
        host, _, port = address.rpartition(":")
        try:
            page = MetricsPage(host.strip("[]"), int(port), self.registry)
        except OSError as error:
            raise SettingsInvalidError(
                f"The address {address} cannot be listened on: {error.strerror}.",
                field="metrics.listen",
            ) from error
        thread = Thread(target=page.serve_forever, name="metrics", daemon=True)
        thread.start()
        return page, thread


class _Gauges(Collector):
    """Reads, at each scrape, what others count anyway."""

    def __init__(self, admission: Admission, runtime: Runtime) -> None:
        self._admission = admission
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        """Yields the metrics of this moment."""
        yield GaugeMetricFamily(
            "lintel_calls_in_flight",
            "Unary calls at work or waiting.",
            value=self._admission.in_flight,
        )
        inferences = CounterMetricFamily(
            "lintel_model_inferences", "Inferences.", labels=["model", "outcome"]
        )
        queue = CounterMetricFamily(
            "lintel_model_queue_seconds", "Seconds that inferences waited.", labels=["model"]
        )
        compute = CounterMetricFamily(
            "lintel_model_compute_seconds", "Seconds that inferences ran.", labels=["model"]
        )
        for name, model in self._runtime.models.items():
            counters = model.counters
            inferences.add_metric([name, "success"], counters.success_count)
            inferences.add_metric([name, "failure"], counters.failure_count)
            queue.add_metric([name], counters.queue_ns / 1e9)
            compute.add_metric([name], counters.compute_ns / 1e9)
        yield from (inferences, queue, compute)
