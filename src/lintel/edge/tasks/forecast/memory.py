"""What is remembered of a series: models that serve again when its history has grown."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from lintel.edge.tasks.forecast.forecaster import FittedForecaster
from lintel.edge.tasks.forecast.intervals import ConformalIntervals, Outcome, replay
from lintel.edge.tasks.forecast.results import BacktestSummary
from lintel.edge.tasks.forecast.series import Floats, RegularSeries

# Models are fitted anew, and chosen anew, after so much of what they were fitted to has come.
_REFIT_SHARE = 0.1
# Of a history that moves on, so much must still be there.
_LEAST_OVERLAP = 0.75
_MOST_LEVELS = 4
_MOST_WAITING = 100
_DRIFT_WINDOWS = 10


class _Issued(NamedTuple):
    """A forecast whose steps are still to come."""

    first: int
    mean: Floats
    naive: Floats


@dataclass(eq=False)
class FittedSeries:
    """A model fitted to a series, with what is known of its errors; one thread at a time uses it.

    Attributes:
        series: What the model was fitted to.
        regressors: float64 (len(series), R), what else it was fitted to.
        model: Its name.
        reason: Why it was chosen.
        fitted: The model.
        naive: The naive model that it must stay better than.
        summary: Of the backtest; None: there was none.
        outcomes: Forecasts of the backtest, and later ones that have come to pass.
        lock: Held by the thread that uses it.
    """

    series: RegularSeries
    regressors: Floats
    model: str
    reason: str
    fitted: FittedForecaster
    naive: FittedForecaster
    summary: BacktestSummary | None
    outcomes: deque[Outcome]
    lock: threading.Lock = field(default_factory=threading.Lock)
    _intervals: OrderedDict[tuple[float, ...], ConformalIntervals] = field(
        default_factory=OrderedDict
    )
    _waiting: deque[_Issued] = field(default_factory=deque)
    _gains: deque[float] = field(default_factory=lambda: deque(maxlen=_DRIFT_WINDOWS))

    def continues_in(self, history: RegularSeries, regressors: Floats) -> bool:
        """Returns whether a history is that of the fit, grown by not too much.

        Its oldest steps may have gone; the rest must be as it was, and what else is known of it.
        """
        own = self.series
        if (history.calendar, history.season_length) != (own.calendar, own.season_length):
            return False
        start = max(own.first, history.first)
        end = own.first + len(own)
        grown = history.first + len(history) - end
        most = max(round(_REFIT_SHARE * len(own)), own.season_length)
        if not 0 <= grown <= most or end - start < _LEAST_OVERLAP * len(own):
            return False
        kept = slice(start - own.first, None)
        same = slice(start - history.first, end - history.first)
        return np.array_equal(
            own.values[kept], history.values[same], equal_nan=True
        ) and np.array_equal(self.regressors[kept], regressors[same], equal_nan=True)

    def learn(self, history: RegularSeries) -> None:
        """Learns from what has come since earlier forecasts were given."""
        end = history.first + len(history)
        while self._waiting and self._waiting[0].first + len(self._waiting[0].mean) <= end:
            issued = self._waiting.popleft()
            start = issued.first - history.first
            if start < 0:
                continue
            actual = history.values[start : start + len(issued.mean)]
            outcome = Outcome(issued.first, issued.mean, actual)
            self.outcomes.append(outcome)
            for intervals in self._intervals.values():
                intervals.observe(outcome, intervals.quantiles(issued.mean))
            gain = np.abs(actual - issued.naive) - np.abs(actual - issued.mean)
            if not np.isnan(gain).all():
                self._gains.append(float(np.nanmean(gain)))

    @property
    def has_drifted(self) -> bool:
        """Whether the newest forecasts were worse than the naive model's."""
        return len(self._gains) == _DRIFT_WINDOWS and sum(self._gains) < 0

    def issue(self, history: RegularSeries, mean: Floats, naive: Floats) -> None:
        """Keeps a forecast until its steps have come."""
        first = history.first + len(history)
        is_new = not self._waiting or self._waiting[-1].first < first
        # Where there are too many the new one is left out: the oldest will have come first.
        if is_new and len(self._waiting) < _MOST_WAITING:
            self._waiting.append(_Issued(first, mean, naive))

    def intervals(self, levels: tuple[float, ...], lowest: float) -> ConformalIntervals:
        """Returns what tells the quantiles at some levels."""
        found = self._intervals.get(levels)
        if found is None:
            found, _ = replay(tuple(self.outcomes), levels, lowest)
            self._intervals[levels] = found
            if len(self._intervals) > _MOST_LEVELS:
                self._intervals.popitem(last=False)
        self._intervals.move_to_end(levels)
        return found


class ForecastingMemory:
    """Fitted series, the least recently used of which are forgotten; any thread may use it."""

    def __init__(self, capacity: int) -> None:
        """Makes an empty memory.

        Args:
            capacity: Most fitted series that are remembered, at least 1.
        """
        self._capacity = capacity
        self._entries: OrderedDict[int, tuple[Hashable, FittedSeries]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._entries)

    def find(
        self, question: Hashable, history: RegularSeries, regressors: Floats
    ) -> FittedSeries | None:
        """Returns what was fitted to a history before it grew; None: nothing, or too long ago.

        Args:
            question: What was asked for: a fit serves the same question only.
            history: The history as it is now.
            regressors: float64 (at least len(history), R), what else is known of its steps.
        """
        with self._lock:
            for key, (asked, entry) in reversed(self._entries.items()):
                if asked == question and entry.continues_in(history, regressors):
                    self._entries.move_to_end(key)
                    return entry
        return None

    def keep(self, question: Hashable, entry: FittedSeries) -> None:
        """Remembers a fit; the least recently used one goes where there are too many."""
        with self._lock:
            self._entries[id(entry)] = (question, entry)
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    def forget(self, entry: FittedSeries) -> None:
        """Forgets a fit."""
        with self._lock:
            self._entries.pop(id(entry), None)
