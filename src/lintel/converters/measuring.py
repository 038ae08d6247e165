"""Measures one converted file, in a process of its own: memory, outputs, latency, operators.

Run as `python -m lintel.converters.measuring`, with an Order as JSON on standard input; Measured
comes back as JSON on standard output.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lintel.converters.device import DeviceModel
from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, load_examples, save_outputs, stack_outputs
from lintel.converters.operators import slow_operators

THREADS = (1, 2)
_LEAST_PAIRS = 9
_MOST_PAIRS = 300
_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What to measure.

    Attributes:
        file: A .tflite, .onnx or .json file.
        examples: Folder of examples to run it on.
        out: Where the outputs go.
        baseline: File that its latency is compared with, or "".
        seconds: How long each comparison of latencies may take.
    """

    file: str
    examples: str
    out: str
    baseline: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found.

    Attributes:
        memory_mb: What the runtime and the model take, once one example has run.
        latency_ms: Of one inference, median, by threads.
        latency_ratio: To the baseline, median over pairs run in turn, by threads.
        slow_operators: Operators that miss the fast path, by kind.
    """

    memory_mb: float
    latency_ms: dict[int, float] = field(default_factory=dict)
    latency_ratio: dict[int, float] = field(default_factory=dict)
    slow_operators: dict[str, int] = field(default_factory=dict)


def measure(order: Order) -> Measured:
    """Measures a file in a new process.

    Raises:
        ConversionError: It does not load, fails, or crashes the process.
    """
    done = subprocess.run(
        [sys.executable, "-m", "lintel.converters.measuring"],
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        check=False,
    )
    name = Path(order.file).name
    if done.returncode < 0:
        raise ConversionError(
            f"{name} crashes the runtime: try another precision or format; do not ship it."
        )
    try:
        told = json.loads(done.stdout.rpartition("\n")[2])
    except ValueError as error:
        last = done.stderr.strip().rpartition("\n")[2][:200]
        raise ConversionError(f"{name} could not be measured ({last}).") from error
    if "problem" in told:
        raise ConversionError(told["problem"])
    for key in ("latency_ms", "latency_ratio"):
        told[key] = {int(threads): value for threads, value in told[key].items()}
    return Measured(**told)


def main() -> None:
    """Carries an order out."""
    order = Order(**json.load(sys.stdin))
    try:
        told: dict[str, Any] = asdict(_measure(order))
    except ConversionError as error:
        told = {"problem": str(error)}
    sys.stdout.write("\n" + json.dumps(told))


def _measure(order: Order) -> Measured:
    before = _resident_mb()
    model = DeviceModel(Path(order.file), THREADS[0])
    inputs = model.session.inputs
    names = tuple(spec.name for spec in inputs)
    ranks = tuple(len(spec.shape) for spec in inputs)
    examples = load_examples(Path(order.examples), names, ranks)
    first = next(examples, None)
    if first is None:
        raise ConversionError("There are no examples to verify with: give --verify.")
    model.run(model.feed(first))
    memory = _resident_mb() - before
    again = load_examples(Path(order.examples), names, ranks)
    outputs = stack_outputs(model.run(model.feed(example)) for example in again)
    save_outputs(outputs, Path(order.out))
    latency, ratio = {}, {}
    for threads in THREADS:
        latency[threads], ratio[threads] = _compare(order, first, threads)
    return Measured(memory, latency, ratio, slow_operators(Path(order.file)))


def _compare(order: Order, example: Mapping[str, Tensor], threads: int) -> tuple[float, float]:
    """Times the file and its baseline in turn: what disturbs one disturbs the other."""
    tested = _inference(Path(order.file), example, threads)
    baseline = _inference(Path(order.baseline), example, threads) if order.baseline else tested
    for run in (tested, baseline) * _WARM_UP:
        run()
    pairs: list[tuple[int, int]] = []
    until = time.monotonic() + order.seconds
    while len(pairs) < _LEAST_PAIRS or (len(pairs) < _MOST_PAIRS and time.monotonic() < until):
        # Who goes first gains or loses by it.
        first, second = (tested, baseline) if len(pairs) % 2 else (baseline, tested)
        times = (_time(first), _time(second))
        pairs.append(times if first is tested else (times[1], times[0]))
    ratio = statistics.median(own / other for own, other in pairs)
    return statistics.median(own for own, _ in pairs) / 1e6, ratio if order.baseline else 1.0


def _inference(
    file: Path, example: Mapping[str, Tensor], threads: int
) -> Callable[[], dict[str, Tensor]]:
    model = DeviceModel(file, threads)
    feed = model.feed(example)
    return lambda: model.session.run(feed)


def _time(run: Callable[[], object]) -> int:
    began = time.perf_counter_ns()
    run()
    return max(time.perf_counter_ns() - began, 1)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
