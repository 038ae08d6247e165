"""Forecasts on the device: a warm one, a cold one, and what fitting trees costs.

"warm" is a forecast of 24 hours, with four quantiles, from 1,000 points of the hourly bike counts
by trees that have been fitted: processor time of `ForecastingEngine.forecast`. Its reference is
what most of it would take by XGBoost itself: 24 rows, one after the other, through
`inplace_predict`; both are timed in turn, and the ratio of each pair taken. "cold" chooses among
all models and fits first, with 1,000 points and with all 17,379, the processes that fit among
them. "fit" is XGBoost alone on all hours for 24 steps, on one thread, in a process of its own:
processor time, which the target is held against since a busy machine's clock tells nothing, with
that of one plain XGBoost model of as many trees on the same features as the reference, and peak
memory. Devices have no scikit-learn, which XGBoost imports where it is found and which takes
100 MB: it is hidden.
Run: python -m tests.bench.bench_forecast [--rounds N]
"""

from __future__ import annotations

import argparse
import csv
import importlib.abc
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from lintel.edge.tasks.forecast import (
    ForecastingEngine,
    ForecastOptions,
    RegularSeries,
    TimeSeries,
    Trees,
    regularise,
)

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
HORIZON = 24
POINTS = 1000
LEVELS = (0.025, 0.1, 0.9, 0.975)
WARM_TARGET_MS, FIT_TARGET_S, PEAK_TARGET_MB = 15.0, 5.0, 250.0


def main() -> None:
    """Prints one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--fit", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        print_fit()
        return
    series = read_hourly()
    print_warm(newest(series, POINTS), options.rounds)
    for points in (POINTS, len(series.values)):
        print_cold(newest(series, points))
    command = [sys.executable, "-m", "tests.bench.bench_forecast", "--fit"]
    subprocess.run(command, check=True)


def print_warm(series: TimeSeries, rounds: int) -> None:
    """A forecast by trees that have been fitted, against the rows that it is made of."""
    engine = ForecastingEngine()
    options = ForecastOptions(HORIZON, LEVELS, model="xgboost")
    engine.forecast(series, options)
    regular = regularise(series, ZoneInfo("UTC"))
    fitted = Trees().fit(regular, HORIZON, nothing(regular))
    booster = fitted.members[0].booster
    booster.set_param({"nthread": 1})
    row = fitted.members[0].examples(regular, nothing(regular)).rows.features[-1:]

    def forecast() -> None:
        engine.forecast(series, options)

    def predict() -> None:
        for _ in range(HORIZON):
            booster.inplace_predict(row)

    pairs = [(cpu_s(forecast), cpu_s(predict)) for _ in range(rounds)]
    ours, plain = (1000 * statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"warm, {HORIZON} steps from {POINTS} points: {ours:.1f} ms", end=", ")
    print(f"{verdict(ours, WARM_TARGET_MS)} {WARM_TARGET_MS:g};")
    print(f"    XGBoost's rows alone {plain:.1f} ms; ratio {ratio:.2f}")


def print_cold(series: TimeSeries) -> None:
    """A forecast for which models are fitted and compared."""
    engine = ForecastingEngine()
    began = time.perf_counter()
    spent = cpu_s(lambda: engine.forecast(series, ForecastOptions(HORIZON, LEVELS)))
    wall = time.perf_counter() - began
    print(f"cold, {len(series.values)} points: {spent:.1f} s of processors, {wall:.1f} s in all;")
    # The most that any process which this one started has had.
    fitting = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    print(f"    the process that fitted held {fitting:.0f} MB, and has ended")


def print_fit() -> None:
    """Fits trees to all hours, in this process, which does nothing else."""
    hide("sklearn")
    import xgboost

    series = regularise(read_hourly(), ZoneInfo("UTC"))
    fits = []
    began = time.perf_counter()
    ours = cpu_s(lambda: fits.append(Trees().fit(series, HORIZON, nothing(series))))
    wall = time.perf_counter() - began
    peak = peak_resident_mb()
    member = fits[0].members[0]
    examples = member.examples(series, nothing(series))
    trees = len(member.forest.roots)

    def plain() -> None:
        matrix = xgboost.DMatrix(examples.rows.features, examples.targets(member.base), nthread=1)
        xgboost.train({"max_depth": 7, "nthread": 1}, matrix, trees)

    reference = cpu_s(plain)
    print(f"fit, {len(series)} hours: {ours:.1f} s of one processor, {wall:.1f} s in all", end=", ")
    print(f"{verdict(ours, FIT_TARGET_S)} {FIT_TARGET_S:g};")
    print(f"    one plain model of {trees} trees {reference:.1f} s; ratio {ours / reference:.1f}")
    print(f"    peak memory {peak:.0f} MB, {verdict(peak, PEAK_TARGET_MB)} {PEAK_TARGET_MB:g}")


def read_hourly() -> TimeSeries:
    """Reads the hourly bike counts."""
    path = Path(os.environ.get("LINTEL_DATA", DATA)) / "series" / "bike_sharing_hourly.csv"
    if not path.exists():
        sys.exit("This benchmark needs real series: set LINTEL_DATA to their folder.")
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    times = [datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp() for row in rows]
    values = np.array([float(row[1]) for row in rows])
    return TimeSeries(np.array(times, np.int64) * 1_000_000, values)


def newest(series: TimeSeries, points: int) -> TimeSeries:
    """Returns the last points of a series."""
    return TimeSeries(series.timestamps_us[-points:], series.values[-points:])


def nothing(series: RegularSeries) -> np.ndarray:
    """Returns regressors, of which there are none."""
    return np.empty((len(series), 0))


def cpu_s(work: Callable[[], object]) -> float:
    """Returns the processor time that this process and those that it starts spend on something."""
    before = time.process_time() + ended_s()
    work()
    return time.process_time() + ended_s() - before


def ended_s() -> float:
    """Returns the processor time of processes that this one started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def peak_resident_mb() -> float:
    """Returns the most memory that this process has had resident, in MB (1e6 bytes).

    `getrusage` would tell of the process that started it as well.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def hide(module: str) -> None:
    """Has a module not be found, as where it is not installed."""

    class Refusing(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, path: object, target: object = None) -> None:
            if name.partition(".")[0] == module:
                raise ModuleNotFoundError(name=name)

    sys.meta_path.insert(0, Refusing())


def verdict(value: float, target: float) -> str:
    """Returns a word on whether a target is reached."""
    return "within" if value <= target else "OVER"


if __name__ == "__main__":
    main()
