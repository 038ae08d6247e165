"""Forecasts by a network of a model package, such as an LSTM, from a window of the series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lintel.edge.backends import SessionPool, TensorSpec
from lintel.edge.errors import (
    InferenceFailedError,
    InvalidArgumentError,
    PackageInvalidError,
)
from lintel.edge.packages import ForecastOutput, Package
from lintel.edge.tasks.forecast.series import Floats, RegularSeries

_ANY = -1


@dataclass(frozen=True, eq=False)
class WindowForecaster:
    """Runs a network that has been trained elsewhere; any thread may use it.

    It takes the newest values, gaps filled (see `fill_gaps`), and gives the steps after them; what
    is asked for beyond its horizon follows from what it gave before. Nothing is fitted: whether
    the network suits a series, a backtest tells.

    Attributes:
        name: What requests and results call it.
        output: What the package's manifest says of it.
        pool: Its sessions.
    """

    name: str
    output: ForecastOutput
    pool: SessionPool
    requires: ClassVar[str] = ""

    @classmethod
    def from_package(cls, package: Package, pool: SessionPool) -> WindowForecaster:
        """Makes one of a package; one session is opened to see whether the manifest fits.

        Args:
            package: The network's package, after which it is called.
            pool: Sessions of one of its variants.

        Raises:
            InvalidArgumentError: It is no package of a model that forecasts.
            PackageInvalidError: The network does not take or give what the manifest says; `field`
                is the path of the key at fault.
            LintelError: What opening a session raised.
        """
        output = package.manifest.output
        if not isinstance(output, ForecastOutput):
            raise InvalidArgumentError("The model is not one that forecasts.")
        with pool.lease() as session:
            _check(output, session.inputs, session.outputs)
        return cls(package.name, output, pool)

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """See Forecaster."""
        return self.output.window

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> WindowForecaster:
        """See Forecaster: there is nothing to fit."""
        return self

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        """See FittedForecaster.

        Raises:
            InferenceFailedError: The network failed on this history.
        """
        output = self.output
        known = (history.by_clock(output.window) - output.mean) * output.scale
        last = len(history) - 1
        clock = history.clock(horizon).for_season(history.season_length)
        # What it gives goes by the clock as well; an hour that is shown twice is given once.
        steps = clock.distance(last, np.arange(last + 1, last + 1 + horizon))
        while len(known) < output.window + steps.max():
            known = np.concatenate([known, self._run(known[-output.window :])])
        return known[output.window - 1 + steps] / output.scale + output.mean

    def refit(self, series: RegularSeries, regressors: Floats) -> WindowForecaster:
        """See FittedForecaster: there is nothing to fit."""
        return self

    def _run(self, window: Floats) -> Floats:
        try:
            with self.pool.lease() as session:
                spec = session.inputs[0]
                values = window.astype(np.float32).reshape(_one_window(spec, len(window)))
                results = session.run({spec.name: values})
        except InvalidArgumentError as error:
            # The caller's history was in order: the package and its network do not fit.
            raise InferenceFailedError("The network failed on this history.") from error
        return results[self.output.forecast].astype(np.float64).reshape(-1)


def _check(
    output: ForecastOutput, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> None:
    """Checks that a network takes a window and gives a horizon, as float32.

    Raises:
        PackageInvalidError: It does not.
    """
    if len(inputs) != 1 or not _holds(inputs[0], output.window):
        raise PackageInvalidError(
            f"The network must take one window of {output.window} float32 values.",
            field="output.window",
        )
    given = next((spec for spec in outputs if spec.name == output.forecast), None)
    if given is None:
        raise PackageInvalidError(
            "The network has no output of this name.", field="output.forecast"
        )
    if not _holds(given, output.horizon):
        raise PackageInvalidError(
            f"The network must give {output.horizon} float32 values.", field="output.horizon"
        )


def _holds(spec: TensorSpec, count: int) -> bool:
    """Returns whether a tensor holds so many values of one window, in any of the usual shapes."""
    fits = all(
        length in {_ANY, wanted}
        for length, wanted in zip(spec.shape, _one_window(spec, count), strict=False)
    )
    return spec.dtype == np.float32 and len(spec.shape) in {1, 2, 3} and fits


def _one_window(spec: TensorSpec, count: int) -> tuple[int, ...]:
    """Returns the shape of one window: (count,), (1, count) or (1, count, 1)."""
    return {1: (count,), 2: (1, count), 3: (1, count, 1)}.get(len(spec.shape), ())
