"""What runs on a device against what was trained: the same forecasts, to one part in 10,000."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("onnxmltools", reason="the extra `convert` is not installed")

from lintel.converters.sources.trees import open_xgboost  # noqa: E402
from lintel.edge.packages import builtin_packages, load_package  # noqa: E402
from lintel.edge.tasks.forecast import RegularSeries  # noqa: E402
from lintel.edge.tasks.forecast.calendars import FixedSteps  # noqa: E402
from lintel.edge.tasks.forecast.trees import Trees  # noqa: E402
from lintel.edge.tasks.forecast.windows import WindowForecaster  # noqa: E402
from lintel.edge.tasks.forecast.zones import HOUR_US  # noqa: E402
from lintel.lab.evaluation.detector import open_model  # noqa: E402

TRAINED = Path(__file__).resolve().parents[3] / "models/forecast-lstm/forecast-lstm.keras"
MOST = 1e-4


@pytest.fixture(scope="module")
def hours() -> RegularSeries:
    """Sixty days of counts by the hour."""
    random = np.random.default_rng(7)
    steps = np.arange(60 * 24)
    means = 120 + 90 * np.sin(2 * np.pi * steps / 24) + 20 * np.sin(2 * np.pi * steps / 168)
    values = random.poisson(means).astype(np.float64)
    return RegularSeries(FixedSteps(HOUR_US, 0, ZoneInfo("UTC")), 0, values, 24)


def difference(actual: Any, expected: Any) -> float:
    """The largest, relative to the largest that was expected."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def test_the_released_network_forecasts_as_the_trained_one(hours: RegularSeries) -> None:
    trained = keras.models.load_model(TRAINED, compile=False)
    folder = next(path for path in builtin_packages() if path.name == "forecast-lstm")
    package = load_package(folder)
    released = WindowForecaster.from_package(package, open_model(package).pool)
    for scale, level in ((1, 0), (1000, 0), (0.01, 50)):
        values = hours.values * scale + level
        moved = RegularSeries(hours.calendar, 0, values, 24)
        told = released.predict(moved, 24, np.empty((len(moved) + 24, 0)))
        expected = np.asarray(trained(values[None, -336:].astype(np.float32))["forecast"])[0]
        assert difference(told, expected) <= MOST


def test_trees_forecast_in_onnx_as_in_xgboost(hours: RegularSeries, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    nothing = np.empty((len(hours), 0))
    fitted = Trees(threads=1).fit(hours, 1, nothing)
    for number, trees in enumerate(fitted.members):
        file = tmp_path / f"{number}.json"
        trees.booster.save_model(file)
        session = onnxruntime.InferenceSession(open_xgboost(file).export().SerializeToString())
        features = trees.examples(hours, nothing).rows.features
        # The first rows have no season before them: what is missing goes the same way too.
        assert np.isnan(features).any()
        told = session.run(None, {"input": features})[0].ravel()
        assert difference(told, trees.booster.inplace_predict(features)) <= MOST
        assert difference(told, trees.forest.predict(features)) <= MOST
