"""Forecasts of what is sent and of what is kept, the same for a call and the command line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from lintel.edge.config import Settings
from lintel.edge.errors import (
    InvalidArgumentError,
    LintelError,
    ModelNotFoundError,
    SettingsInvalidError,
)
from lintel.edge.packages import builtin_packages, load_package
from lintel.edge.runtime import LoadedModel, Runtime
from lintel.edge.series import Recorder, Resolution, device_zone, ensure_kept, zone_name
from lintel.edge.series.counts import check_name

if TYPE_CHECKING:
    from lintel.edge.tasks.forecast import (
        Forecast,
        Forecaster,
        ForecastingEngine,
        ForecastOptions,
        TimeSeries,
    )

logger = logging.getLogger("lintel")

MOST_POINTS = 100_000


class Forecasts:
    """Forecasts series, and remembers what it fitted. Any thread may use it.

    Nothing of it is loaded before the first forecast: most devices never make one.

    Args:
        settings: The device's settings.
        runtime: Holds the networks of the folder of packages.
        recorder: The way into the store of series; None where none are kept.

    Raises:
        SettingsInvalidError: There is no such time zone.
    """

    def __init__(self, settings: Settings, runtime: Runtime, recorder: Recorder | None) -> None:
        self._settings = settings
        self._time_zone = zone_name(device_zone(settings.series.time_zone))
        self._runtime = runtime
        self._recorder = recorder
        self._opening = threading.Lock()
        self._engine: ForecastingEngine | None = None
        self._builtin: dict[str, LoadedModel] = {}

    def close(self) -> None:
        """Closes what was opened."""
        for model in self._builtin.values():
            model.pool.close()

    def forecast(
        self,
        series: TimeSeries,
        options: ForecastOptions,
        checkpoint: Callable[[], object] = lambda: None,
    ) -> Forecast:
        """Forecasts the steps after a history.

        Args:
            series: The history.
            options: What is asked; without a time zone, the device's counts.
            checkpoint: Called now and then while models are fitted; it may raise.

        Raises:
            LintelError: See ForecastingEngine.forecast.
        """
        zone = options.time_zone or self._time_zone
        return self._opened().forecast(series, replace(options, time_zone=zone), checkpoint)

    def forecast_stored(
        self,
        name: str,
        resolution: Resolution,
        max_points: int,
        options: ForecastOptions,
        checkpoint: Callable[[], object] = lambda: None,
    ) -> Forecast:
        """Forecasts the steps after a series that is kept; one that is not over yet is among them.

        Args:
            name: Of the series.
            resolution: Length of the steps.
            max_points: Newest points to go by; 0: all, up to 100,000.
            options: As for `forecast`.
            checkpoint: Likewise.

        Raises:
            SeriesNotKeptError: The device keeps none.
            SeriesNotFoundError: It keeps none of that name.
            InvalidArgumentError: There is too little of it.
            LintelError: See ForecastingEngine.forecast.
        """
        from lintel.edge.tasks.forecast import TimeSeries  # noqa: PLC0415 - as `_opened`

        store = ensure_kept(self._recorder).store
        if max_points > MOST_POINTS:
            raise InvalidArgumentError(
                f"A forecast goes by at most {MOST_POINTS} points, not {max_points}.",
                field="stored.max_points",
            )
        try:
            check_name(name, "name")
            points = store.newest(name, resolution, max_points or MOST_POINTS)
            if len(points.values) < 2:
                raise InvalidArgumentError(
                    f"Of the series {resolution.value}s that are over are wanted, two or more;"
                    f" there are {len(points.values)}. The one in progress does not count.",
                    field="values",
                )
            series = TimeSeries(points.timestamps_us, points.values)
        except LintelError as error:
            raise error.at("stored") from None
        return self.forecast(series, options, checkpoint)

    def _opened(self) -> ForecastingEngine:
        """Returns what forecasts; made at the first call, as its imports take time and memory."""
        with self._opening:
            if self._engine is None:
                from lintel.edge.tasks.forecast import (  # noqa: PLC0415
                    ForecastingEngine,
                    default_forecasters,
                )

                settings = self._settings.forecast
                models = default_forecasters(tuple(self._networks()), settings.threads)
                self._engine = ForecastingEngine(models, settings.remembered)
            return self._engine

    def _networks(self) -> Iterator[Forecaster]:
        """Yields networks that forecast; one that cannot be used is left out, and logged."""
        from lintel.edge.tasks.forecast import WindowForecaster  # noqa: PLC0415 - as `_opened`

        for name, model in (self._found() | self._open_builtin()).items():
            with _or_logged(name):
                yield WindowForecaster.from_package(model.package, model.pool)

    def _found(self) -> dict[str, LoadedModel]:
        """Returns those of the folder of packages."""
        models = self._runtime.models.items()
        return {name: each for name, each in models if each.package.manifest.task == "forecast"}

    def _open_builtin(self) -> dict[str, LoadedModel]:
        """Opens those of the settings that come with Lintel, where the device has no others."""
        known = self._runtime.models.keys() | self._runtime.broken.keys()
        folders = {folder.name: folder for folder in builtin_packages()}
        for name in set(self._settings.forecast.networks) - known:
            with _or_logged(name):
                if name not in folders:
                    raise ModelNotFoundError("There is no such model on the device.")
                # One session is enough: a run takes less than a millisecond.
                settings = self._settings.models.for_model(name)
                self._builtin[name] = LoadedModel(load_package(folders[name]), settings, workers=1)
        return self._builtin


def check_forecast_model(settings: Settings) -> None:
    """Checks that the model of the page's forecasts is one that there is.

    Raises:
        SettingsInvalidError: It is not.
    """
    wanted = settings.page.forecast_model
    if not wanted:
        return
    from lintel.edge.tasks.forecast import default_forecasters  # noqa: PLC0415 - as `_opened`

    networks = settings.forecast.networks
    known = [each.name for each in default_forecasters()]
    known += [*networks, *(f"xgboost+{name}" for name in networks)]
    if wanted not in known:
        raise SettingsInvalidError(
            f'page.forecast_model: There is no model "{wanted}"; there are {", ".join(known)}.',
            field="page.forecast_model",
        )


@contextmanager
def _or_logged(name: str) -> Iterator[None]:
    try:
        yield
    except LintelError as error:
        logger.error("The model %s is not used to forecast: %s", name, error.message)
