"""Whether examples are fit to calibrate with: what is too little or unlike the rest is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lintel.converters.examples import Tensor

ENOUGH = 100
# So much of what is verified with may lie outside of what was calibrated with.
_OUTSIDE = 0.001
_MOST_READ = 200


def shortcomings(
    calibration: Path, verification: Path, labels: Tensor | None, classes: tuple[str, ...]
) -> list[str]:
    """Tells what is wrong with calibration examples, in sentences.

    Args:
        calibration: Folder of them.
        verification: Folder of those that it is verified with.
        labels: Class numbers of the calibration examples, where they are known.
        classes: Names of the classes.
    """
    said = []
    count = sum(1 for _ in calibration.glob("*.npz"))
    if count < ENOUGH:
        said.append(
            f"There are only {count} examples to calibrate with; {ENOUGH} or more are better."
        )
    if labels is not None and classes:
        present = set(np.ravel(labels).tolist())
        missing = [name for index, name in enumerate(classes) if index not in present]
        if missing:
            said.append(f"No example to calibrate with is of the class {', '.join(missing)}.")
    ranges = _ranges(calibration)
    for name, (low, high) in ranges.items():
        if (high <= low).all():
            said.append(f"All examples to calibrate with have the same values in {name}.")
            continue
        share = _share_outside(verification, name, low, high)
        if share > _OUTSIDE:
            said.append(
                f"Of the values of {name} that are verified with, {share:.1%} lie outside of"
                " those that were calibrated with: they are not alike."
            )
    return said


def _ranges(folder: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Returns the least and the greatest values of each input."""
    found: dict[str, tuple[Any, Any]] = {}
    for path in sorted(folder.glob("*.npz"))[:_MOST_READ]:
        with np.load(path) as file:
            for name in file.files:
                value = file[name]
                if value.dtype.kind not in "fiu":
                    continue
                low, high = found.get(name, (np.inf, -np.inf))
                found[name] = (np.minimum(low, value.min()), np.maximum(high, value.max()))
    return found


def _share_outside(folder: Path, name: str, low: Tensor, high: Tensor) -> float:
    outside = total = 0
    for path in sorted(folder.glob("*.npz"))[:_MOST_READ]:
        with np.load(path) as file:
            value = file[name]
        outside += int(((value < low) | (value > high)).sum())
        total += value.size
    return outside / max(total, 1)
