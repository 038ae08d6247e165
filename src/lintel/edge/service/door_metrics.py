"""Metrics of the cameras, and of the deliveries of events, read at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lintel.edge.cameras import CameraState
from lintel.edge.notify import Delivery
from lintel.edge.pipeline import CameraPipeline, DoorPipeline
from lintel.edge.service.door import Door

_CAMERA = ["camera"]


class DoorMetrics(Collector):
    """Shows what cameras count anyway; nothing where there are none.

    Args:
        door: The cameras.
    """

    def __init__(self, door: Door) -> None:
        self._door = door

    def collect(self) -> Iterator[Metric]:
        """Yields the metrics of this moment."""
        pipeline = self._door.pipeline
        if pipeline is not None:
            families = _Families()
            for camera in pipeline.cameras.values():
                families.add(camera, pipeline)
            yield from families.all
            yield from _deliveries(self._door.deliveries)


def _deliveries(deliveries: Iterable[Delivery]) -> Iterator[Metric]:
    events = CounterMetricFamily(
        "lintel_notified_events", "Events that were told, or not.", labels=["to", "outcome"]
    )
    failures = CounterMetricFamily(
        "lintel_notify_failures", "Tries to tell an event that failed.", labels=["to"]
    )
    waiting = GaugeMetricFamily(
        "lintel_notify_waiting", "Events that are not told yet.", labels=["to"]
    )
    for status in (delivery.status() for delivery in deliveries):
        events.add_metric([status.name, "delivered"], status.delivered)
        events.add_metric([status.name, "missed"], status.missed)
        events.add_metric([status.name, "refused"], status.refused)
        failures.add_metric([status.name], status.failures)
        waiting.add_metric([status.name], status.waiting)
    yield from (events, failures, waiting)


class _Families:
    """The metrics, to be filled camera by camera."""

    def __init__(self) -> None:
        self.all: list[Metric] = []
        self._captured = self._counter("captured_frames", "Frames that came.")
        self._dropped = self._counter("dropped_frames", "Frames that gave way to newer ones.")
        self._failed = self._counter("failed_frames", "Frames that could not even be covered.")
        self._covered = self._counter("covered_frames", "Frames covered whole.", "reason")
        self._reopened = self._counter("reopenings", "Times that frames came again.")
        self._streaming = self._gauge("streaming", "1 while frames come, else 0.")
        self._age = self._gauge("frame_age_seconds", "Age of the newest frame.")
        self._rate = self._gauge("frame_rate_hertz", "Frames a second that are shown.")
        self._latency = self._gauge("latency_seconds", "Median from capture to blurred picture.")
        self._slowest = self._gauge(
            "latency_p99_seconds", "What 99 of a hundred of the last 300 frames stayed within."
        )
        self._shown = self._counter("shown_frames", "Frames that were shown.")
        self._work = self._counter(
            "work_seconds", "Seconds that went into the frames that were shown.", "stage"
        )
        self._stages = self._gauge("stage_seconds", "Stages of the newest frame.", "stage")
        self._every = self._gauge("detect_every", "Faces are looked for in every n-th frame.")
        self._entered = self._gauge("people_entered_today", "People who came in today.")
        self._inside = self._gauge("people_inside", "People who came in today and did not go.")

    def add(self, camera: CameraPipeline, door: DoorPipeline) -> None:
        """Adds what a camera counts, and where the time of its newest frame went."""
        name, status, today = camera.name, camera.status(), door.today(camera.name)
        source = status.camera
        self._captured.add_metric([name], source.captured)
        self._dropped.add_metric([name], status.dropped)
        self._failed.add_metric([name], status.failed)
        for reason, count in status.covered_whole.items():
            self._covered.add_metric([name, reason.lower()], count)
        self._reopened.add_metric([name], source.reopenings)
        self._streaming.add_metric([name], float(source.state is CameraState.STREAMING))
        if source.frame_age_s is not None:
            self._age.add_metric([name], source.frame_age_s)
        self._rate.add_metric([name], status.frame_rate_hz)
        self._latency.add_metric([name], status.latency_s)
        self._slowest.add_metric([name], status.latency_p99_s)
        self._shown.add_metric([name], status.shown)
        for stage, spent_s in status.stages_s.items():
            self._work.add_metric([name, stage], spent_s)
        self._every.add_metric([name], status.detect_every)
        self._entered.add_metric([name], today.entered)
        self._inside.add_metric([name], today.inside)
        latest = camera.latest
        for stage, spent_ns in latest.times.stages_ns.items() if latest is not None else ():
            self._stages.add_metric([name, stage], spent_ns / 1e9)

    def _counter(self, name: str, meaning: str, *labels: str) -> CounterMetricFamily:
        family = CounterMetricFamily(f"lintel_camera_{name}", meaning, labels=[*_CAMERA, *labels])
        self.all.append(family)
        return family

    def _gauge(self, name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"lintel_camera_{name}", meaning, labels=[*_CAMERA, *labels])
        self.all.append(family)
        return family
