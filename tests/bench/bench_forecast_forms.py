"""Converted models that forecast against the originals: the largest relative difference.

The LSTM: what a device runs (TFLite) against what was trained (Keras), on every window of the last
fifth of the hourly bike counts, which neither has seen. XGBoost: trees fitted to the first four
fifths, one hour ahead and 24, in ONNX and as the device's own arrays against XGBoost itself, on
the features of all hours, those with missing values among them. A difference is relative to the
largest value that was expected of the window, or of all rows. Needs the extras `train` and
`convert`.
Run: python -m tests.bench.bench_forecast_forms
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import onnxruntime
from tests.bench.bench_forecast import nothing, read_hourly

from lintel.converters.sources.trees import open_xgboost
from lintel.edge.packages import builtin_packages, load_package
from lintel.edge.tasks.forecast import RegularSeries, Trees, regularise
from lintel.edge.tasks.forecast.trees import FittedTrees
from lintel.edge.tasks.forecast.windows import WindowForecaster
from lintel.lab.evaluation.detector import open_model

TRAINED = Path(__file__).resolve().parents[2] / "models/forecast-lstm/forecast-lstm.keras"
WINDOW, HORIZON = 336, 24
TRAINING_SHARE = 0.8
TARGET = 1e-4


def main() -> None:
    """Prints one line a form."""
    series = regularise(read_hourly(), ZoneInfo("UTC"))
    first = round(len(series) * TRAINING_SHARE)
    differences = [show("LSTM, TFLite against Keras", network_difference(series, first))]
    for horizon in (1, HORIZON):
        fitted = Trees().fit(series.head(first), horizon, nothing(series)[:first])
        for trees in fitted.members:
            way = f"XGBoost, base {trees.base}, {trees.direct_steps} direct steps"
            onnx, arrays = tree_differences(trees, series)
            differences += [show(f"{way}, ONNX", onnx), show(f"{way}, arrays", arrays)]
    largest = max(differences)
    print(f"largest {largest:.1e}, {'within' if largest <= TARGET else 'OVER'} {TARGET:g}")
    sys.exit(largest > TARGET)


def network_difference(series: RegularSeries, first: int) -> float:
    """Returns the largest of all windows from a first origin on."""
    trained = keras.models.load_model(TRAINED, compile=False)
    package = load_package(next(each for each in builtin_packages() if each.name == TRAINED.stem))
    released = WindowForecaster.from_package(package, open_model(package).pool)
    origins = range(first, len(series) - HORIZON + 1)
    windows = np.stack([series.filled[origin - WINDOW : origin] for origin in origins])
    expected = trained.predict(windows.astype(np.float32), batch_size=512, verbose=0)["forecast"]
    told = [
        released.predict(series.head(origin), HORIZON, np.empty((origin + HORIZON, 0)))
        for origin in origins
    ]
    return float(np.max(np.abs(told - expected).max(axis=1) / np.abs(expected).max(axis=1)))


def tree_differences(trees: FittedTrees, series: RegularSeries) -> tuple[float, float]:
    """Returns those of ONNX and of the device's arrays."""
    features = trees.examples(series, nothing(series)).rows.features
    expected = trees.booster.inplace_predict(features)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trees.json"
        trees.booster.save_model(file)
        document = open_xgboost(file).export().SerializeToString()
    told = onnxruntime.InferenceSession(document).run(None, {"input": features})[0].ravel()
    return relative(told, expected), relative(trees.forest.predict(features), expected)


def relative(told: Any, expected: Any) -> float:
    """Returns the largest difference, relative to the largest value that was expected."""
    return float(np.abs(told - expected).max() / np.abs(expected).max())


def show(form: str, difference: float) -> float:
    """Prints a line, and returns what it tells."""
    print(f"{form:50}{difference:10.1e}", flush=True)
    return difference


if __name__ == "__main__":
    main()
