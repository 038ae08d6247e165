"""How a backtest is made: told with every figure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lintel.edge.tasks.forecast import Plan, RegularSeries
from lintel.edge.tasks.forecast.intervals import MAXIMUM_WINDOWS
from lintel.edge.tasks.forecast.zones import to_local
from lintel.lab.errors import LabError

FEWEST_WINDOWS = 5
DEFAULT_LEVELS = (80, 95)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How models are measured on a series.

    Attributes:
        horizon: Steps forecast from each origin.
        windows: How many origins: five or more; or one, of which nothing significant can be said.
        stride: Steps from one origin to the next.
        refit_every: Windows after which models are fitted anew; 0: once, before the first origin.
        levels: Of intervals, in percent and rising.
        calibration: Windows before the first whose errors the first intervals are made of.
    """

    horizon: int
    windows: int
    stride: int = 1
    refit_every: int = 0
    levels: tuple[int, ...] = DEFAULT_LEVELS
    calibration: int = 0

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """The ends of the intervals, rising: 80 and 95 give 0.025, 0.1, 0.9, 0.975."""
        ends = {round(0.5 + side * level / 200, 6) for level in self.levels for side in (-1, 1)}
        return tuple(sorted(ends))

    @property
    def test_plan(self) -> Plan:
        """The origins that are reported."""
        return Plan(self.horizon, self.windows, self.stride, self.refit_every)

    def first_origin(self, length: int) -> int:
        """Returns how many steps of a series are known at the first origin.

        Args:
            length: Steps of the series.
        """
        return length - self.horizon - self.stride * (self.windows - 1)


def windows_of_last(series: RegularSeries, last: int, horizon: int, stride: int) -> int:
    """Returns how many windows fit into the last values of a series.

    Args:
        series: The series.
        last: How many values; steps without one do not count.
        horizon: Steps of a window.
        stride: Steps from one to the next.

    Raises:
        LabError: There are not so many values, or they hold no window.
    """
    known = np.flatnonzero(~np.isnan(series.values))
    if not 1 <= last < len(known):
        raise LabError(
            f"The series has {len(known)} values: --last must be at least 1, and less than that."
        )
    steps = len(series) - int(known[-last])
    if steps < horizon:
        raise LabError(
            f"The last {last} values span {steps} steps, less than the horizon of {horizon}."
        )
    return (steps - horizon) // stride + 1


def check_protocol(protocol: Protocol, series: RegularSeries) -> None:
    """Checks that a series is long enough for a protocol, and that figures will mean something.

    Raises:
        LabError: It is not, or they will not.
    """
    if 1 < protocol.windows < FEWEST_WINDOWS:
        raise LabError(
            f"There are {protocol.windows} windows: give {FEWEST_WINDOWS} or more by --origins,"
            " --last, --stride or --horizon, or --origins 1 for a single forecast."
        )
    left = protocol.first_origin(len(series))
    if left < 2:
        raise LabError(
            f"{protocol.windows} windows of {protocol.horizon} steps need more than the"
            f" {len(series)} steps of the series."
        )


def describe_protocol(protocol: Protocol, series: RegularSeries) -> str:
    """Tells how figures were measured, in a few sentences."""
    times = tell_times(series)
    first = protocol.first_origin(len(series))
    known = int((~np.isnan(series.values)).sum())
    counted = (
        f"One window of {_steps(protocol.horizon)}, from {times[first]} on."
        if protocol.windows == 1
        else f"{protocol.windows} windows of {_steps(protocol.horizon)}, the first from"
        f" {times[first]} on, {_steps(protocol.stride)} apart."
    )
    fitted = (
        f"anew after every {protocol.refit_every} windows, to all that was known by then"
        if protocol.refit_every
        else "once, to what lies before the first origin"
    )
    return (
        f"{known} values on {_steps(len(series))} from {times[0]} to {times[-1]}. {counted} Models"
        f" are fitted {fitted}; whatever they scale, fill or choose is made of what lies before"
        f" each origin. The first intervals are made of the errors of {protocol.calibration}"
        " windows before the first. Steps without a value do not count."
    )


def tell_times(series: RegularSeries) -> list[str]:
    """Returns the starts of a series' steps, in its time zone: dates, where all are midnights."""
    local = to_local(series.timestamps_us, series.calendar.zone).astype("datetime64[us]")
    days = local.astype("datetime64[D]")
    told = days if (days == local).all() else local.astype("datetime64[s]")
    texts = np.datetime_as_string(told)
    return [str(text).replace("T", " ") for text in texts]


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def with_calibration(protocol: Protocol, length: int, wanted: int | None) -> Protocol:
    """Returns a protocol with windows before the first, for the first intervals.

    Args:
        protocol: Whose.
        length: Steps of the series.
        wanted: How many; None: as many as intervals take into account, or as half of what comes
            before the first origin has room for.

    Raises:
        LabError: There is no room for so many.
    """
    room = (protocol.first_origin(length) - 2) // protocol.stride
    if wanted is not None and wanted > max(0, room):
        raise LabError(f"There is room for {max(0, room)} windows of calibration, not {wanted}.")
    # Those that share steps with the first of the test have not come to pass at its origin.
    most = MAXIMUM_WINDOWS + protocol.test_plan.overlap - 1
    count = min(most, max(0, room // 2)) if wanted is None else wanted
    return replace(protocol, calibration=count)
