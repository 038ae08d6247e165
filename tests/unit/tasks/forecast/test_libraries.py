"""Libraries that a device may do without."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from lintel.edge.errors import InferenceFailedError, ModelUnavailableError
from lintel.edge.tasks.forecast.libraries import fitting, has_library, import_library


def run(program: str) -> None:
    """Runs a program of Python in a process of its own."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_missing_library_is_told_with_the_extra_that_installs_it() -> None:
    assert not has_library("no_such_library")
    with pytest.raises(ModelUnavailableError, match=r"lintel\[forecast\]") as refused:
        import_library("no_such_library", "xgboost")
    assert "no_such_library" not in refused.value.message


def test_warnings_of_a_fit_stay_inside() -> None:
    with fitting("theta"):
        warnings.warn("did not converge", UserWarning, stacklevel=1)
        assert np.isnan(np.float64(0) / np.float64(0))


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, np.linalg.LinAlgError])
def test_a_fit_that_fails_is_an_error_of_the_device(error: type[Exception]) -> None:
    with pytest.raises(InferenceFailedError), fitting("theta"):
        raise error("singular matrix of content")


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, lintel.edge.tasks.forecast as forecast\n"
        "forecast.ForecastingEngine().models\n"
        "heavy = {'xgboost', 'statsmodels', 'scipy', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    run(program)


def test_a_device_without_the_extra_forecasts_by_what_it_has() -> None:
    """The libraries are not found, as where they are not installed."""
    program = """
import importlib.machinery, sys
find = importlib.machinery.PathFinder.find_spec
absent = {"xgboost", "statsmodels", "scipy", "pandas"}
importlib.machinery.PathFinder.find_spec = lambda name, *rest: (
    None if name.partition(".")[0] in absent else find(name, *rest)
)
import numpy as np
from lintel.edge.errors import ModelUnavailableError
from lintel.edge.tasks.forecast import ForecastingEngine, ForecastOptions, TimeSeries
times = 3_600_000_000 * np.arange(200, dtype=np.int64)
series = TimeSeries(times, np.arange(200.0) % 24)
engine = ForecastingEngine()
assert engine.models == ("naive", "seasonal-naive", "drift"), engine.models
assert engine.forecast(series, ForecastOptions(24, (0.1, 0.9))).model == "seasonal-naive"
try:
    engine.forecast(series, ForecastOptions(24, model="xgboost"))
except ModelUnavailableError as error:
    assert "lintel[forecast]" in error.message
else:
    raise SystemExit("xgboost was found")
"""
    run(program)
