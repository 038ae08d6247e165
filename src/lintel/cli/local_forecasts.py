"""Forecasts made in this process."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lintel.cli.forecast_engines import Question, quantiles_of
from lintel.cli.forecast_results import ForecastResult, Score
from lintel.cli.series_engines import ResolutionName

if TYPE_CHECKING:
    from lintel.edge.config import Settings
    from lintel.edge.tasks.forecast import Forecast, ForecastOptions


class LocalForecasts:
    """Forecasts as the settings say.

    Args:
        settings: The device's settings.

    Raises:
        LintelError: They are wrong.
    """

    def __init__(self, settings: Settings) -> None:
        from lintel.edge.forecasts import Forecasts  # noqa: PLC0415 - takes time
        from lintel.edge.runtime import Runtime  # noqa: PLC0415
        from lintel.edge.series import open_recorder  # noqa: PLC0415

        self._recorder = open_recorder(settings.series)
        self._runtime = Runtime(_without_pictures(settings), workers=1)
        self._forecasts = Forecasts(settings, self._runtime, self._recorder)

    def __enter__(self) -> Self:
        """Returns the engine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the models and the store."""
        self._forecasts.close()
        self._runtime.close()
        if self._recorder is not None:
            self._recorder.stop()

    def forecast(
        self, timestamps_us: Sequence[int], values: Sequence[float], question: Question
    ) -> ForecastResult:
        """Forecasts the steps after a history."""
        import numpy as np  # noqa: PLC0415 - imported by now

        from lintel.edge.tasks.forecast import TimeSeries  # noqa: PLC0415

        series = TimeSeries(np.array(timestamps_us, np.int64), np.array(values, np.float64))
        return _read(self._forecasts.forecast(series, _options(question)), question)

    def forecast_stored(
        self, name: str, resolution: ResolutionName, question: Question
    ) -> ForecastResult:
        """Forecasts the steps after a series that is kept."""
        from lintel.edge.series import Resolution  # noqa: PLC0415 - imported by now

        forecast = self._forecasts.forecast_stored(
            name, Resolution(resolution), 0, _options(question)
        )
        return _read(forecast, question)


def _without_pictures(settings: Settings) -> Settings:
    """Leaves out the models that have nothing to do with forecasts, and take time to open."""
    from msgspec.structs import replace  # noqa: PLC0415 - imported by now

    return replace(
        settings,
        faces=replace(settings.faces, model=""),
        masks=replace(settings.masks, model=""),
        cameras=(),
    )


def _options(question: Question) -> ForecastOptions:
    import numpy as np  # noqa: PLC0415 - imported by now

    from lintel.edge.tasks.forecast import ForecastOptions, Regressor  # noqa: PLC0415 - takes time

    return ForecastOptions(
        horizon=question.horizon,
        quantile_levels=question.quantile_levels(),
        model=question.model,
        season_length=question.season_length,
        time_zone=question.time_zone,
        regressors=tuple(
            Regressor(name, np.array(known.history), np.array(known.future))
            for name, known in question.regressors.items()
        ),
    )


def _read(forecast: Forecast, question: Question) -> ForecastResult:
    places = {level: index for index, level in enumerate(forecast.quantile_levels)}
    columns = forecast.quantiles.T.tolist()
    backtest = forecast.backtest
    return ForecastResult(
        forecast.timestamps_us.tolist(),
        forecast.mean.tolist(),
        {
            level: (columns[places[low]], columns[places[high]])
            for level in question.levels
            for low, high in [quantiles_of(level)]
        },
        forecast.model,
        forecast.reason,
        backtest.windows if backtest else 0,
        backtest.horizon if backtest else 0,
        [
            Score(score.model, score.mean_absolute_error, score.relative_to_naive, score.p_value)
            for score in (backtest.scores if backtest else ())
        ],
    )
