"""lintel.v1.SeriesService: counts kept on the device."""

from __future__ import annotations

import grpc

from lintel.edge.series import (
    Count,
    Recorder,
    Resolution,
    SeriesSummary,
    Stretch,
    ensure_kept,
    zone_name,
)
from lintel.edge.series.counts import check_name, check_number
from lintel.edge.service.messages import choose
from lintel.v1 import series_pb2, series_pb2_grpc

RESOLUTIONS = {
    series_pb2.RESOLUTION_UNSPECIFIED: Resolution.HOUR,
    series_pb2.RESOLUTION_MINUTE: Resolution.MINUTE,
    series_pb2.RESOLUTION_HOUR: Resolution.HOUR,
    series_pb2.RESOLUTION_DAY: Resolution.DAY,
}


class SeriesServicer(series_pb2_grpc.SeriesServiceServicer):
    """Serves the store of series.

    Args:
        recorder: The way into the store; None where the device keeps none.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder

    def RecordCounts(  # noqa: N802 - the contract's name
        self, request: series_pb2.RecordCountsRequest, context: grpc.ServicerContext
    ) -> series_pb2.RecordCountsResponse:
        """Adds counts; they are on the disk when this returns, unless they may be buffered."""
        recorder = ensure_kept(self._recorder)
        check_number(len(request.counts))
        counts = [Count(count.series, count.timestamp_us, count.value) for count in request.counts]
        recorded = recorder.record(counts, request.idempotency_key, buffered=request.buffered)
        return series_pb2.RecordCountsResponse(recorded=recorded)

    def ListSeries(  # noqa: N802 - the contract's name
        self, request: series_pb2.ListSeriesRequest, context: grpc.ServicerContext
    ) -> series_pb2.ListSeriesResponse:
        """Lists what there is."""
        summaries = ensure_kept(self._recorder).store.summaries()
        return series_pb2.ListSeriesResponse(series=map(_write_summary, summaries))

    def ReadSeries(  # noqa: N802 - the contract's name
        self, request: series_pb2.ReadSeriesRequest, context: grpc.ServicerContext
    ) -> series_pb2.ReadSeriesResponse:
        """Reads a stretch of one series."""
        store = ensure_kept(self._recorder).store
        check_name(request.name, "name")
        stretch = store.read(
            request.name,
            choose(RESOLUTIONS, request.resolution, "resolution"),
            request.start_timestamp_us,
            request.end_timestamp_us,
        )
        return series_pb2.ReadSeriesResponse(
            series=_write_stretch(stretch),
            next_start_timestamp_us=stretch.next_us,
            time_zone=zone_name(store.zone),
        )

    def DeleteSeries(  # noqa: N802 - the contract's name
        self, request: series_pb2.DeleteSeriesRequest, context: grpc.ServicerContext
    ) -> series_pb2.DeleteSeriesResponse:
        """Forgets a series."""
        ensure_kept(self._recorder).delete(request.name)
        return series_pb2.DeleteSeriesResponse()


def _write_summary(summary: SeriesSummary) -> series_pb2.SeriesSummary:
    return series_pb2.SeriesSummary(
        name=summary.name,
        first_timestamp_us=summary.first_us,
        last_timestamp_us=summary.last_us,
        minutes=summary.minutes,
        hours=summary.hours,
        days=summary.days,
    )


def _write_stretch(stretch: Stretch) -> series_pb2.TimeSeries:
    return series_pb2.TimeSeries(
        timestamps_us=stretch.timestamps_us.tolist(), values=stretch.values.tolist()
    )
