"""What a call and the command line forecast with: networks, the device's zone, what is kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.forecast_packages import write_forecast_package

from lintel.edge.config import parse
from lintel.edge.errors import CancelledError, ModelNotFoundError
from lintel.edge.forecasts import Forecasts
from lintel.edge.runtime import Runtime
from lintel.edge.series import open_recorder
from lintel.edge.tasks.forecast import ForecastOptions, TimeSeries

HOUR_US = 3_600_000_000
# 2026-03-20T00:00+01:00, nine days before clocks are changed.
START_US = 1_773_961_200_000_000
Open = Callable[..., Forecasts]


@pytest.fixture
def open_forecasts(tmp_path: Path) -> Iterator[Open]:
    """Opens forecasts of a device without pictures, with further tables of its settings."""
    opened: list[Forecasts] = []
    runtimes: list[Runtime] = []

    def open_(**tables: dict[str, object]) -> Forecasts:
        nothing: dict[str, object] = {"model": ""}
        models = {"directory": str(tmp_path / "models")}
        (tmp_path / "models").mkdir(exist_ok=True)
        tree = {"faces": nothing, "masks": nothing, "series": {"path": ""}, "models": models}
        settings = parse({**tree, **tables})
        runtimes.append(Runtime(settings, workers=1))
        opened.append(Forecasts(settings, runtimes[-1], open_recorder(settings.series)))
        return opened[-1]

    yield open_
    for forecasts in opened:
        forecasts.close()
    for runtime in runtimes:
        runtime.close()


def series(count: int, step_us: int = HOUR_US) -> TimeSeries:
    timestamps_us = START_US + step_us * np.arange(count, dtype=np.int64)
    return TimeSeries(timestamps_us, np.arange(count, dtype=np.float64))


def test_a_network_of_the_folder_of_packages_forecasts(
    open_forecasts: Open, tmp_path: Path
) -> None:
    write_forecast_package(tmp_path / "models", "last-two")
    forecast = open_forecasts().forecast(series(40), ForecastOptions(4, model="last-two"))
    assert forecast.mean.tolist() == [38, 39, 38, 39]
    assert forecast.model == "last-two"


def test_a_network_and_trees_forecast_together(open_forecasts: Open, tmp_path: Path) -> None:
    pytest.importorskip("xgboost")
    write_forecast_package(tmp_path / "models", "last-two")
    forecasts = open_forecasts()
    alone, other, both = (
        forecasts.forecast(series(300), ForecastOptions(2, model=name)).mean
        for name in ("xgboost", "last-two", "xgboost+last-two")
    )
    np.testing.assert_allclose(both, (alone + other) / 2)


def test_a_network_that_cannot_be_used_is_left_out_and_logged(
    open_forecasts: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_forecast_package(tmp_path / "models", "wider", window=5)
    forecasts = open_forecasts(forecast={"networks": ["nowhere"]})
    assert forecasts.forecast(series(40), ForecastOptions(1, model="naive")).mean.tolist() == [39]
    assert "The model wider is not used to forecast" in caplog.text
    assert "The model nowhere is not used to forecast" in caplog.text
    for name in ("wider", "nowhere"):
        with pytest.raises(ModelNotFoundError) as caught:
            forecasts.forecast(series(40), ForecastOptions(1, model=name))
        assert caught.value.field == "model"


def test_the_zone_is_the_devices_where_none_is_asked_for(open_forecasts: Open) -> None:
    forecasts = open_forecasts(series={"path": "", "time_zone": "Europe/Berlin"})
    starts = [START_US + 24 * HOUR_US * day - (HOUR_US if day > 9 else 0) for day in range(20)]
    days = TimeSeries(np.array(starts, np.int64), np.arange(20.0))
    forecast = forecasts.forecast(days, ForecastOptions(1, model="naive"))
    # Days of Berlin, of which one has 23 hours.
    assert forecast.step_s == 0
    assert forecast.timestamps_us.tolist() == [START_US + 20 * 24 * HOUR_US - HOUR_US]


def test_a_forecast_that_nobody_wants_any_more_ends(open_forecasts: Open) -> None:
    forecasts = open_forecasts()
    calls = 0

    def leave() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise CancelledError("The caller has gone.")

    with pytest.raises(CancelledError):
        forecasts.forecast(series(60), ForecastOptions(1, model="drift"), leave)
    assert calls == 2
    # Nothing is left behind that would keep the next from its turn.
    assert forecasts.forecast(series(60), ForecastOptions(1, model="drift")).model == "drift"


def test_a_device_that_forecasts_nothing_loads_nothing_for_it() -> None:
    heavy = ("lintel.edge.tasks.forecast", "xgboost", "statsmodels", "pandas", "scipy")
    code = (
        "import sys, lintel.edge.service, lintel.edge.forecasts\n"
        f"sys.exit(str([name for name in sys.modules if name.startswith({heavy})] or '') or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
