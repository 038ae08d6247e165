"""What a recipe's data may be is settled before anything is converted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.converters import ConversionError
from lintel.converters.bench import Bench
from lintel.converters.recipe import Data, Recipe, Task
from lintel.converters.sources.graph import TensorDescription

ROWS = np.arange(40, dtype=np.float32).reshape(20, 2)
NUMBERS = np.arange(20) % 3


class Source:
    """A model of two numbers and three classes, or of what outputs a test gives it."""

    def __init__(self, outputs: dict[str, Any] | None = None) -> None:
        self.outputs = outputs or {"scores": np.zeros((10, 3), np.float32)}

    def describe(self) -> tuple[tuple[TensorDescription, ...], tuple[str, ...]]:
        return (TensorDescription("input", (None, 2), "float32"),), tuple(self.outputs)

    def run(self, examples: Path) -> dict[str, Any]:
        return self.outputs


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> MakeBench:
    """Makes a bench of a table with labels: make_bench(labels, task, outputs of the source)."""

    def make(labels: Any, task: Task = "classify", outputs: dict[str, Any] | None = None) -> Bench:
        np.savez(tmp_path / "rows.npz", x=ROWS, y=labels)
        recipe = Recipe(model="model.keras", task=task, calibration=Data(path="rows.npz"))
        (tmp_path / "build").mkdir()
        bench = Bench(recipe, tmp_path, tmp_path / "build")
        bench.source = Source(outputs)  # type: ignore[assignment]
        return bench

    return make


@pytest.mark.parametrize("labels", [NUMBERS, NUMBERS[:, None], NUMBERS.astype(np.float32)])
def test_a_label_is_the_number_of_a_class_whether_in_a_row_or_a_column(
    labels: Any, make_bench: MakeBench
) -> None:
    bench = make_bench(labels)
    bench.make_examples()
    found = bench.examples.verification_labels
    assert found is not None
    assert (found.shape, found.dtype.kind) == ((10,), "i")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.eye(3)[NUMBERS], r"shape \(10, 3\).* argmax"),
        (np.array(["bare", "masked"] * 10), "numbers of classes are wanted"),
        (NUMBERS + 0.5, "whole numbers"),
    ],
    ids=["one-hot", "names", "fractions"],
)
def test_labels_that_are_no_numbers_of_classes_are_refused(
    labels: Any, said: str, make_bench: MakeBench
) -> None:
    with pytest.raises(ConversionError, match=said):
        make_bench(labels).make_examples()
