"""A forecast as the command line shows it: rows of a CSV file, a table, and what was chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple

from lintel.cli.times import TimeStyle


class Score(NamedTuple):
    """How a model did on the history's own end.

    Attributes:
        model: Its name.
        mean_absolute_error: Over all steps of all windows.
        relative_to_naive: The same error over that of the naive model.
        p_value: How probable such a difference is where there is none.
    """

    model: str
    mean_absolute_error: float
    relative_to_naive: float
    p_value: float


@dataclass(frozen=True, slots=True)
class ForecastResult:
    """A forecast.

    Attributes:
        timestamps_us: Starts of the steps in microseconds since 1970 UTC.
        mean: The forecast of each step.
        intervals: Lower and upper bounds of each step, by level in percent.
        model: Name of the model that was used.
        reason: Why that one: a sentence.
        windows: Of the backtest; 0: there was none.
        horizon: Steps that it forecast from each.
        scores: The models, best first.
    """

    timestamps_us: Sequence[int]
    mean: Sequence[float]
    intervals: dict[float, tuple[Sequence[float], Sequence[float]]]
    model: str
    reason: str
    windows: int
    horizon: int
    scores: Sequence[Score]

    def columns(self) -> list[str]:
        """Returns the columns of the CSV file, such as timestamp, mean, lo80 and hi80."""
        ends = [f"{end}{level:g}" for level in self.intervals for end in ("lo", "hi")]
        return ["timestamp", "mean", *ends]

    def rows(self, style: TimeStyle, zone: tzinfo) -> Iterator[list[str]]:
        """Yields the rows of the CSV file: times as the history has them, twelve digits."""
        for step, timestamp_us in enumerate(self.timestamps_us):
            numbers = [self.mean[step]]
            for low, high in self.intervals.values():
                numbers += [low[step], high[step]]
            yield [style.write(timestamp_us, zone), *(f"{number:.12g}" for number in numbers)]

    def table_columns(self) -> list[str]:
        """Returns the columns of the table for people."""
        return ["time", "forecast", *(f"{level:g} %" for level in self.intervals)]

    def table_rows(self, style: TimeStyle, zone: tzinfo) -> Iterator[list[str]]:
        """Yields the rows of the table for people: as many digits as tell the steps apart."""
        digits = _digits(self.mean)
        for step, timestamp_us in enumerate(self.timestamps_us):
            ranges = (
                f"{low[step]:,.{digits}f} to {high[step]:,.{digits}f}"
                for low, high in self.intervals.values()
            )
            yield [style.write(timestamp_us, zone), f"{self.mean[step]:,.{digits}f}", *ranges]

    def explanation(self) -> str:
        """Returns, in lines for people, which model was used, why, and how the models did."""
        # Devices begin their reason with the name of the model.
        reason = self.reason.removeprefix(f"{self.model}: ")
        lines = [f"Model {self.model}: {reason}"]
        if self.scores:
            names = max(len(score.model) for score in self.scores)
            digits = _digits([score.mean_absolute_error for score in self.scores]) + 1
            windows = "window" if self.windows == 1 else "windows"
            steps = "step" if self.horizon == 1 else "steps"
            lines.append(
                f"Mean absolute error over {self.windows} {windows} of {self.horizon} {steps} at"
                " the history's end:"
            )
            lines += [
                f"  {score.model:{names}}  {score.mean_absolute_error:12,.{digits}f}"
                f"  {_ratio(score.relative_to_naive):>6} x naive   {_probability(score.p_value)}"
                for score in self.scores
            ]
        return "\n".join(lines)


def _ratio(value: float) -> str:
    # There is none where the naive model made no error.
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _probability(value: float) -> str:
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.2g}"


def _digits(numbers: Sequence[float]) -> int:
    """Returns decimals enough to tell numbers apart, and none where they are large."""
    largest = max((abs(number) for number in numbers), default=0.0)
    return next((digits for digits, bound in ((0, 1000), (1, 100), (2, 1)) if largest >= bound), 4)
