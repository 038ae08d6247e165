"""A forecast of 24 steps from 1,000 points through gRPC, warm: processor time of the device.

Hours of counts with a day, a week and noise. One row a model, and one for the model that the device
chooses: first the call that fits it, then the median of many that follow, each with a history that
has grown by an hour, and what memory the device holds after them. Beside them a call that does
nothing, a list of no series: what gRPC takes.
Run: python -m tests.bench.bench_forecast_service [--calls N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import numpy as np
import psutil
from tests.bench.support import run_device

from lintel.v1 import forecast_pb2, forecast_pb2_grpc, series_pb2, series_pb2_grpc

POINTS, HORIZON = 1000, 24
LEVELS = (0.025, 0.1, 0.9, 0.975)
TARGET_MS = 15.0
HOUR_US = 3_600_000_000
START_US = 1_767_225_600_000_000
MODELS = ("naive", "seasonal-naive", "exponential-smoothing", "theta", "xgboost", "combination", "")
FITTING_TIMEOUT_S = 300.0


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    options = parser.parse_args()
    print(f"{'':34}{'first, s':>10}{'warm, ms of processor time':>28}{'wall, ms':>10}{'MB':>7}")
    with tempfile.TemporaryDirectory() as name:
        settings = "[faces]\nmodel = ''\n[masks]\nmodel = ''"
        with (
            run_device(Path(name), settings) as device,
            grpc.insecure_channel(device.unix) as channel,
        ):
            keeper = series_pb2_grpc.SeriesServiceStub(channel)
            empty = series_pb2.ListSeriesRequest()
            keeper.ListSeries(empty)
            costs = [measure(device.process, lambda: keeper.ListSeries(empty)) for _ in range(200)]
            show("a call that does nothing", 0.0, costs, device.resident_mb())
            for model in MODELS:
                stub = forecast_pb2_grpc.ForecastServiceStub(channel)
                first, costs, used = forecast(stub, device.process, model, options.calls)
                title = model or f"as the device chooses ({used})"
                show(title, first, costs, device.resident_mb())
    print(f"{'target':34}{'':10}{TARGET_MS:28.1f}")


def forecast(
    stub: forecast_pb2_grpc.ForecastServiceStub, process: psutil.Process, model: str, calls: int
) -> tuple[float, list[tuple[float, float]], str]:
    """Asks for forecasts of a series that grows.

    Returns:
        Processor seconds of the first call, processor and wall seconds of the others, and the
        model that was used.
    """
    values = counts(POINTS + calls)
    requests = [request(values[: POINTS + number], number, model) for number in range(calls + 1)]
    used = ""

    def ask(number: int) -> None:
        nonlocal used
        used = stub.Forecast(requests[number], timeout=FITTING_TIMEOUT_S).model

    first, *costs = [measure(process, partial(ask, number)) for number in range(calls + 1)]
    return first[0], costs, used


def request(values: np.ndarray, dropped: int, model: str) -> forecast_pb2.ForecastRequest:
    """Returns a request with the newest 1,000 points."""
    kept = values[dropped:]
    first_us = START_US + dropped * HOUR_US
    return forecast_pb2.ForecastRequest(
        history=series_pb2.TimeSeries(
            timestamps_us=[first_us + hour * HOUR_US for hour in range(len(kept))], values=kept
        ),
        horizon=HORIZON,
        quantile_levels=LEVELS,
        model=model,
    )


def counts(hours: int) -> np.ndarray:
    """Returns counts by the hour that know the day and the week."""
    chance = np.random.default_rng(3)
    hour = np.arange(hours)
    busy = np.where(hour // 24 % 7 < 5, 1.0, 0.4)
    mean = 80 * busy * np.exp(-((hour % 24 - 14) ** 2) / 30) + 2
    return chance.poisson(mean).astype(float)


def measure(process: psutil.Process, call: Callable[[], object]) -> tuple[float, float]:
    """Returns processor and wall seconds that a call takes, the first those of the device."""
    before, began = spent(process), time.perf_counter()
    call()
    return spent(process) - before, time.perf_counter() - began


def spent(process: psutil.Process) -> float:
    """Returns the processor seconds of a process, told in nanoseconds by the scheduler.

    Those of processes that it has started are added when they have ended.
    """
    schedule = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    times = process.cpu_times()
    ended = times.children_user + times.children_system
    return sum(int(file.read_text().split()[0]) for file in schedule) / 1e9 + ended


def show(title: str, first: float, costs: list[tuple[float, float]], resident_mb: float) -> None:
    processor, wall = (statistics.median(each) * 1000 for each in zip(*costs, strict=True))
    shown = f"{first:10.2f}" if first else f"{'':10}"
    print(f"{title:34}{shown}{processor:28.2f}{wall:10.1f}{resident_mb:7.0f}", flush=True)


if __name__ == "__main__":
    main()
