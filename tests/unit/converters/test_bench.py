"""What a recipe's data may be is settled before anything is converted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.converters import ConversionError
from lintel.converters.bench import Bench
from lintel.converters.examples import load_examples
from lintel.converters.recipe import Data, Recipe, Task
from lintel.converters.sources.graph import TensorDescription
from lintel.edge.images import ImageFormat, encode
from lintel.edge.packages import Input

ROWS = np.arange(40, dtype=np.float32).reshape(20, 2)
NUMBERS = np.arange(20) % 3


class Source:
    """A model of two numbers and three classes, or of what outputs a test gives it."""

    def __init__(
        self, outputs: dict[str, Any] | None = None, shape: tuple[int | None, ...] = (None, 2)
    ) -> None:
        self.shape = shape
        self.outputs = outputs or {"scores": np.zeros((10, 3), np.float32)}

    def describe(self) -> tuple[tuple[TensorDescription, ...], tuple[str, ...]]:
        return (TensorDescription("input", self.shape, "float32"),), tuple(self.outputs)

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


@pytest.mark.parametrize("number", [-1, 3])
def test_a_label_of_no_class_of_the_model_is_refused(number: int, make_bench: MakeBench) -> None:
    bench = make_bench(np.full(20, number))
    bench.make_examples()
    with pytest.raises(ConversionError, match=f"label {number} is of no class.* 3 classes"):
        bench.run_source()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_source_that_gives_no_number_is_refused_with_the_output_s_name(
    value: float, make_bench: MakeBench
) -> None:
    scores = np.zeros((10, 3), np.float32)
    scores[4, 1] = value
    outputs = {"ids": np.zeros((10, 1), np.int64), "scores": scores}
    bench = make_bench(NUMBERS, "tensor", outputs)
    bench.make_examples()
    with pytest.raises(ConversionError, match="output scores is no finite number for example 4"):
        bench.run_source()


@pytest.fixture
def make_folders(tmp_path: Path) -> Callable[..., Bench]:
    """Makes a bench of folders of classes: make_folders(to calibrate with, to verify with)."""

    def make(calibration: str, verification: str, labels: tuple[str, ...] = ()) -> Bench:
        for number, (root, classes) in enumerate(
            (("calibration", calibration), ("verification", verification))
        ):
            for place, name in enumerate(classes.split()):
                write_picture(tmp_path / root / name / "a.png", 10 * place + 100 * number)
        (tmp_path / "build").mkdir()
        recipe = Recipe(
            model="model.keras",
            task="classify",
            labels=labels,
            input=Input(size=(2, 2), colour="grey", dtype="uint8", resize="stretch"),
            calibration=Data(path="calibration"),
            verification=Data(path="verification"),
        )
        bench = Bench(recipe, tmp_path, tmp_path / "build")
        bench.source = Source(shape=(None, 2, 2, 1))  # type: ignore[assignment]
        return bench

    return make


def write_picture(file: Path, value: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode(np.full((2, 2), value, np.uint8), ImageFormat.PNG))


def labels_by_value(bench: Bench) -> dict[int, int]:
    """Returns the labels to verify with by the value of the picture's pixels."""
    bench.make_examples()
    labels = bench.examples.verification_labels
    assert labels is not None
    values = (
        feed["input"] for feed in load_examples(bench.examples.verification, ("input",), (4,))
    )
    return {int(value.max()): int(label) for value, label in zip(values, labels, strict=True)}


def test_classes_to_verify_with_have_the_numbers_of_those_to_calibrate_with(
    make_folders: Callable[..., Bench],
) -> None:
    bench = make_folders("bare masked wrong", "masked wrong")
    assert labels_by_value(bench) == {100: 1, 110: 2}
    assert bench.examples.classes == ("bare", "masked", "wrong")


def test_labels_that_are_given_number_the_classes_of_both_folders(
    make_folders: Callable[..., Bench],
) -> None:
    bench = make_folders("bare masked", "masked", ("masked", "bare"))
    assert labels_by_value(bench) == {100: 0}


def test_a_class_that_is_only_verified_with_is_refused_by_its_name(
    make_folders: Callable[..., Bench],
) -> None:
    with pytest.raises(ConversionError, match="verification has the class visor"):
        make_folders("bare masked", "bare visor").make_examples()


def test_a_picture_beside_the_folders_of_classes_is_refused_by_its_name(
    make_folders: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_folders("bare masked", "bare masked")
    write_picture(tmp_path / "calibration" / "stray.png", 50)
    with pytest.raises(ConversionError, match=r"stray\.png lies in calibration beside"):
        bench.make_examples()


def test_pictures_without_folders_of_classes_are_taken_without_labels(
    make_folders: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_folders("", "")
    for number in range(2):
        write_picture(tmp_path / "calibration" / f"{number}.png", number)
        write_picture(tmp_path / "verification" / f"{number}.png", 100 + number)
    bench.make_examples()
    assert bench.examples.verification_labels is None
