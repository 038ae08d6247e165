"""Converted files against the model that they come from, on data that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lintel.converters.conversion import Conversion
from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, load_outputs
from lintel.converters.layers import LayerError
from lintel.converters.measuring import Measured, Order, measure
from lintel.converters.metrics import Metric, Outputs, agreement
from lintel.converters.precision import Format, Precision

# Files that run within so much of one another are equally fast as far as can be measured.
_SAME_SPEED = 0.02


@dataclass(frozen=True)
class Reference:
    """What converted files are compared with.

    Attributes:
        examples: Folder of the examples that they are verified with.
        outputs: The source's outputs on those.
        metric: What is to be kept.
        is_classifier: See `agreement`.
        gate: Share of the source's metric that a file has to keep.
        seconds: How long each comparison of latencies may take.
    """

    examples: Path
    outputs: Outputs
    metric: Metric
    is_classifier: bool = False
    gate: float = 0.99
    seconds: float = 1.0


@dataclass(frozen=True)
class Verification:
    """A converted file, and how it compares.

    Attributes:
        name: Such as "litert-int8".
        conversion: The file.
        agreement: With the source: see lintel.converters.metrics.agreement.
        largest_difference: Of any output value.
        mean_difference: Of all output values.
        metric: The metric's figure.
        kept: The share that it is of the source's.
        passed: Whether that is enough.
        measured: Memory, latency, operators; None where it did not run.
        baseline: Name of the variant that its latency is a ratio to; its own where it is first.
        speed: Latency of one thread relative to the first float32 file's: lower is faster; this
            and the figures above are None where it did not run.
        problem: Why it did not pass: a sentence, or "".
        layers: Where int8 loses information, the worst first.
        outputs: What it gave, for the plots.
    """

    name: str
    conversion: Conversion
    agreement: float | None = None
    largest_difference: float | None = None
    mean_difference: float | None = None
    metric: float | None = None
    kept: float = 0.0
    passed: bool = False
    measured: Measured | None = None
    baseline: str = ""
    speed: float | None = None
    problem: str = ""
    layers: tuple[LayerError, ...] = ()
    outputs: dict[str, Any] = field(default_factory=dict)

    def replace(self, **changes: Any) -> Verification:
        """Returns a copy with some fields of other values."""
        return replace(self, **changes)


def verify(
    name: str,
    conversion: Conversion,
    reference: Reference,
    baseline: Verification | None = None,
) -> Verification:
    """Runs a converted file as the device does, and compares.

    Args:
        name: What to call it.
        conversion: The file.
        reference: What to compare with.
        baseline: The file that its latency is measured against; None: it is the first.

    Returns:
        What was found; a file that does not run, or crashes, has not passed and has a problem.
    """
    try:
        measured, outputs = _run(conversion, reference, baseline)
        _check_outputs(outputs, reference.outputs, conversion.file)
    except ConversionError as error:
        return Verification(name, conversion, problem=str(error))
    differences = [
        np.abs(outputs[key].astype(np.float64) - value) for key, value in reference.outputs.items()
    ]
    figure = reference.metric.compute(outputs)
    source = reference.metric.compute(reference.outputs)
    kept = reference.metric.kept(source, figure)
    passed = bool(kept >= reference.gate)
    problem = "" if passed else _shortfall(reference, source, kept)
    beside = 1.0 if baseline is None or baseline.speed is None else baseline.speed
    return Verification(
        name,
        conversion,
        agreement=agreement(reference.outputs, is_classifier=reference.is_classifier).compute(
            outputs
        ),
        largest_difference=max(float(difference.max()) for difference in differences),
        mean_difference=float(np.mean([difference.mean() for difference in differences])),
        metric=figure,
        kept=kept,
        passed=passed,
        measured=measured,
        baseline=name if baseline is None else baseline.name,
        speed=beside * measured.latency_ratio[1],
        problem=problem,
        outputs=outputs,
    )


def preferred(verifications: Sequence[Verification]) -> list[Verification]:
    """Orders the files that passed: the fastest first; among equally fast ones the smallest.

    Files with integers at their ends are left out: they take another input than their siblings.
    """
    left = [
        (one.speed, one)
        for one in verifications
        if one.passed
        and one.speed is not None
        and one.conversion.precision is not Precision.INT8_INTEGER
    ]
    ordered: list[Verification] = []
    while left:
        fastest = min(speed for speed, _ in left)
        level = [pair for pair in left if pair[0] <= fastest * (1 + _SAME_SPEED)]
        best = min(level, key=lambda pair: (pair[1].conversion.size_bytes, pair[1].name))
        ordered.append(best[1])
        left.remove(best)
    return ordered


def baseline_of(
    form: Format, precision: Precision, done: Sequence[Verification]
) -> Verification | None:
    """Chooses what a file's latency is measured against.

    That is the float32 file of the same format; for the second format's float32 file, the first
    format's; for the first of all, none.
    """
    floats = [
        one
        for one in done
        if one.conversion.precision is Precision.FLOAT32 and one.measured is not None
    ]
    same = [one for one in floats if one.conversion.format == form]
    if precision is Precision.FLOAT32:
        return floats[0] if floats else None
    return next(iter(same or floats), None)


def _run(
    conversion: Conversion, reference: Reference, baseline: Verification | None
) -> tuple[Measured, dict[str, Tensor]]:
    with TemporaryDirectory(prefix="lintel-verify-") as folder:
        out = Path(folder) / "outputs.npz"
        order = Order(
            file=str(conversion.file.resolve()),
            examples=str(reference.examples),
            out=str(out),
            baseline=str(baseline.conversion.file.resolve()) if baseline else "",
            seconds=reference.seconds,
        )
        return measure(order), load_outputs(out)


def _shortfall(reference: Reference, source: float, kept: float) -> str:
    metric = reference.metric
    if metric.higher_is_better and not source > 0:
        return (
            f"The source's own {metric.name} is {source:.4g}, so nothing shows what is kept: see"
            " that the labels and the data are the model's."
        )
    return (
        f"It keeps {kept:.2%} of the source's {metric.name}; the gate is"
        f" {reference.gate * 100:.4g} %."
    )


def _check_outputs(outputs: Outputs, expected: Outputs, file: Path) -> None:
    for name, value in expected.items():
        if name not in outputs or outputs[name].shape != value.shape:
            raise ConversionError(
                f"{file.name} does not give the output {name} as the source does: convert it"
                " another way; this one is not to be used."
            )
        if not np.isfinite(outputs[name]).all():
            raise ConversionError(
                f"{file.name} gives what is no number: choose a precision with more room."
            )
