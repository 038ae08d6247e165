"""The methods on series of counts: requests made, replies read."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lintel.client.calls import number_of
from lintel.client.moments import Moment, to_datetime, to_microseconds
from lintel.v1 import series_pb2

Resolution = Literal["minute", "hour", "day"]

RESOLUTIONS: dict[Resolution, series_pb2.Resolution.ValueType] = {
    "minute": series_pb2.RESOLUTION_MINUTE,
    "hour": series_pb2.RESOLUTION_HOUR,
    "day": series_pb2.RESOLUTION_DAY,
}


@dataclass(frozen=True, slots=True)
class Count:
    """How many were seen in one minute.

    Attributes:
        series: Name of the series: 1 to 64 of a-z, 0-9, "-", "_" and ".".
        value: 0 to 1e12. A minute in which nobody came has a count of 0; one that was not
            watched has none.
        moment: Any moment of the minute; None: now, by the device's clock.
    """

    series: str
    value: float
    moment: Moment | None = None


# What happens now, by the name of the series; or counts of any time.
Counts: TypeAlias = "Mapping[str, float] | Iterable[Count]"


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """What a device keeps of one series.

    Attributes:
        name: Its name.
        first: Start of its first day, in UTC.
        last: Start of its last minute in UTC, or of its last hour or day where minutes are no
            longer kept.
        minutes: How many minutes have counts and are still kept.
        hours: The same of hours.
        days: The same of days.
    """

    name: str
    first: datetime
    last: datetime
    minutes: int
    hours: int
    days: int


@dataclass(frozen=True)
class Series:
    """A stretch of a series; steps without counts are left out.

    Attributes:
        name: Of the series.
        resolution: Length of the steps.
        timestamps_us: Starts of the steps in microseconds since 1970 UTC, rising.
        values: As many sums of counts.
        time_zone: IANA name of the device's zone, whose hours and days these are; "" where the
            device does not know it.
    """

    name: str
    resolution: Resolution
    timestamps_us: tuple[int, ...]
    values: tuple[float, ...]
    time_zone: str

    def __len__(self) -> int:
        """How many steps have counts."""
        return len(self.values)

    @cached_property
    def timestamps(self) -> tuple[datetime, ...]:
        """Starts of the steps in the device's time zone, in UTC where this machine has it not."""
        zone = find_zone(self.time_zone)
        return tuple(to_datetime(timestamp_us, zone) for timestamp_us in self.timestamps_us)


def record_request(
    counts: Counts, idempotency_key: str, buffered: bool
) -> series_pb2.RecordCountsRequest:
    """Makes the request that records counts.

    It has a key in any case: gRPC repeats calls whose reply was lost, and no count may be added
    twice.

    Raises:
        TypeError: A count or its moment is none.
        ValueError: A moment does not tell its time zone.
    """
    if isinstance(counts, Mapping):
        counts = [Count(name, value) for name, value in counts.items()]
    return series_pb2.RecordCountsRequest(
        counts=[_count_message(count, f"counts[{index}]") for index, count in enumerate(counts)],
        idempotency_key=idempotency_key or secrets.token_hex(12),
        buffered=buffered,
    )


def read_summaries(response: series_pb2.ListSeriesResponse) -> tuple[SeriesSummary, ...]:
    """Reads what there is."""
    return tuple(
        SeriesSummary(
            name=summary.name,
            first=to_datetime(summary.first_timestamp_us),
            last=to_datetime(summary.last_timestamp_us),
            minutes=summary.minutes,
            hours=summary.hours,
            days=summary.days,
        )
        for summary in response.series
    )


class Reading:
    """A stretch that is read in as many calls as it takes.

    Args:
        name: Of the series.
        resolution: Length of the steps.
        start: Steps that start earlier are left out.
        end: Steps that start then or later are left out.

    Raises:
        TypeError: A bound is no moment.
        ValueError: It does not tell its time zone, the resolution is unknown, or the stretch ends
            before it starts.
    """

    def __init__(
        self, name: str, resolution: Resolution, start: Moment | None, end: Moment | None
    ) -> None:
        self._name, self._resolution = name, resolution
        self._timestamps_us: list[int] = []
        self._values: list[float] = []
        self._time_zone = ""
        start_us, end_us = _bound(start, "start"), _bound(end, "end")
        if start is not None and end is not None and start_us >= end_us:
            raise ValueError("end must be later than start")
        self.request: series_pb2.ReadSeriesRequest | None = series_pb2.ReadSeriesRequest(
            name=name,
            resolution=number_of(resolution, RESOLUTIONS, "resolution"),
            start_timestamp_us=start_us,
            end_timestamp_us=end_us,
        )

    def add(self, response: series_pb2.ReadSeriesResponse) -> None:
        """Takes the reply to `request`, which is then the next one, None where this was all."""
        self._timestamps_us += response.series.timestamps_us
        self._values += response.series.values
        self._time_zone = response.time_zone
        if self.request is not None and response.next_start_timestamp_us:
            self.request.start_timestamp_us = response.next_start_timestamp_us
        else:
            self.request = None

    def result(self) -> Series:
        """Returns what was read."""
        return Series(
            self._name,
            self._resolution,
            tuple(self._timestamps_us),
            tuple(self._values),
            self._time_zone,
        )


def find_zone(name: str) -> tzinfo:
    """Returns a time zone, UTC where this machine has none of that name."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _count_message(count: Count, name: str) -> series_pb2.Count:
    if not isinstance(count, Count):
        raise TypeError(f"{name} must be a Count, not {type(count).__name__}")
    moment = count.moment
    timestamp_us = 0 if moment is None else to_microseconds(moment, f"{name}.moment")
    return series_pb2.Count(series=count.series, timestamp_us=timestamp_us, value=count.value)


def _bound(moment: Moment | None, name: str) -> int:
    return 0 if moment is None else to_microseconds(moment, name)
