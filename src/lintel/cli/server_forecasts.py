"""Forecasts that a server makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lintel.cli.forecast_engines import Question
from lintel.cli.forecast_results import ForecastResult, Score
from lintel.cli.series_engines import ResolutionName
from lintel.cli.server_connection import ServerConnection

if TYPE_CHECKING:
    from lintel import client


class ServerForecasts(ServerConnection):
    """Has a server forecast series. Takes and raises what ServerConnection does."""

    def forecast(
        self, timestamps_us: Sequence[int], values: Sequence[float], question: Question
    ) -> ForecastResult:
        """Forecasts the steps after a history."""
        return self._forecast((timestamps_us, values), question, _options(question))

    def forecast_stored(
        self, name: str, resolution: ResolutionName, question: Question
    ) -> ForecastResult:
        """Forecasts the steps after a series that is kept."""
        return self._forecast(name, question, {**_options(question), "resolution": resolution})

    def _forecast(
        self, history: client.History, question: Question, options: client.ForecastOptions
    ) -> ForecastResult:
        forecast = self._call(lambda: self._client.forecast(history, question.horizon, **options))
        backtest = forecast.backtest
        return ForecastResult(
            forecast.timestamps_us,
            forecast.mean,
            {level: forecast.interval(level) for level in question.levels},
            forecast.model,
            forecast.reason,
            backtest.windows if backtest else 0,
            backtest.horizon if backtest else 0,
            [
                Score(
                    score.model, score.mean_absolute_error, score.relative_to_naive, score.p_value
                )
                for score in (backtest.scores if backtest else ())
            ],
        )


def _options(question: Question) -> client.ForecastOptions:
    from lintel.client import Regressor  # noqa: PLC0415 - imported by now

    return {
        "levels": question.levels,
        "model": question.model,
        "season_length": question.season_length,
        "time_zone": question.time_zone,
        "regressors": {name: Regressor(*known) for name, known in question.regressors.items()},
    }
