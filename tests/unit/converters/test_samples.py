"""Examples are divided by what they are: never the same one on both sides, whatever their order."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.converters import ConversionError, accuracy, agreement, mean_absolute_error
from lintel.converters.examples import save_examples
from lintel.converters.representative import shortcomings
from lintel.converters.samples import Samples, read_samples, split_samples

ROWS = st.lists(st.integers(0, 12), min_size=2, max_size=40)


def read(numbers: list[int]) -> Samples:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        values = np.array(numbers, np.float32)[:, None]
        np.savez(path, x=values, y=np.array(numbers))
        return read_samples(path, None)


@given(numbers=ROWS, order=st.randoms(use_true_random=False))
def test_the_division_hangs_on_content_alone(numbers: list[int], order: Any) -> None:
    shuffled = list(numbers)
    order.shuffle(shuffled)
    first, second = read(numbers), read(shuffled)
    assert [s.key for s in first.found] == [s.key for s in second.found]
    assert len(first.found) == len(set(numbers))
    assert first.duplicates == len(numbers) - len(set(numbers))


@given(numbers=ROWS, most=st.integers(1, 30))
def test_nothing_is_verified_with_that_was_calibrated_with(numbers: list[int], most: int) -> None:
    samples = read(numbers)
    if len(samples.found) < 2:
        with pytest.raises(ConversionError, match="not enough"):
            split_samples(samples, most, 5 * most)
        return
    calibration, verification = split_samples(samples, most, 5 * most)
    assert calibration
    assert verification
    assert len(calibration) <= most
    assert not {s.key for s in calibration} & {s.key for s in verification}
    for sample in (*calibration, *verification):
        (value,) = dict(sample.load()).values()
        assert value[0] == sample.label


def test_rows_that_do_not_match_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), y=np.zeros(4))
    with pytest.raises(ConversionError, match="3, 4 rows"):
        read_samples(tmp_path / "a.npz", None)


def test_examples_that_are_not_fit_to_calibrate_with_are_told(tmp_path: Path) -> None:
    narrow, wide = tmp_path / "narrow", tmp_path / "wide"
    save_examples([np.full(4, value, np.float32) for value in (0.0, 0.1)], narrow)
    save_examples([np.full(4, value, np.float32) for value in (0.0, 5.0)], wide)
    said = " ".join(shortcomings(narrow, wide, np.array([0, 0]), ("bare", "masked")))
    assert "only 2 examples" in said
    assert "of the class masked" in said
    assert "50.0% lie outside" in said
    save_examples([np.zeros(4, np.float32)] * 2, tmp_path / "same")
    assert "the same values" in " ".join(shortcomings(tmp_path / "same", wide, None, ()))


def test_figures_say_what_is_kept() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], np.float32)
    worse = scores.copy()
    worse[0] = worse[0, ::-1]
    figure = accuracy(np.array([0, 1, 0, 1]))
    assert figure.compute({"a": scores}) == 1
    assert figure.kept(1, figure.compute({"a": worse})) == pytest.approx(0.75)
    error = mean_absolute_error(np.zeros(4))
    assert error.kept(1.0, 1.25) == pytest.approx(0.8)
    assert error.kept(0.0, 0.1) == 0
    assert error.kept(0.2, 0.0) == 1
    assert error.kept(0.0, 0.0) == 1
    same = agreement({"a": scores}, is_classifier=True)
    assert same.compute({"a": worse}) == pytest.approx(0.75)
    variance = agreement({"a": scores}, is_classifier=False)
    assert variance.compute({"a": scores}) == 1
    assert variance.compute({"a": np.full_like(scores, np.nan)}) == 0


@pytest.mark.parametrize("figure", [0.0, -1.0, float("nan")])
def test_a_source_that_scores_nothing_has_nothing_to_keep(figure: float) -> None:
    metric = accuracy(np.zeros(2))
    assert metric.kept(figure, figure) == 0
    assert metric.kept(figure, 1.0) == 0
    assert metric.kept(1.0, figure) <= 0


def test_an_error_that_is_no_number_keeps_nothing() -> None:
    metric = mean_absolute_error(np.zeros(2))
    assert metric.kept(float("nan"), 1.0) == metric.kept(1.0, float("nan")) == 0


def test_labels_in_a_column_are_labels_in_a_row() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], np.float32)
    outputs = {"a": scores}
    assert accuracy(np.array([[0], [1], [0], [0]])).compute(outputs) == 0.75
    figure = mean_absolute_error(np.array([1.0, 2.0]))
    assert figure.compute({"a": np.array([[1.0], [3.0]])}) == 0.5


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros(4), "4 examples.*of 2"),
        (np.zeros((2, 3)), "3 numbers"),
        (np.array(["a", "b"]), "numbers"),
    ],
)
def test_targets_that_are_not_as_the_output_are_refused(labels: Any, said: str) -> None:
    with pytest.raises(ConversionError, match=said):
        mean_absolute_error(labels).compute({"a": np.zeros((2, 1))})


def test_labels_of_other_examples_are_refused() -> None:
    with pytest.raises(ConversionError, match="3 labels and 2 examples"):
        accuracy(np.zeros(3)).compute({"a": np.zeros((2, 2))})


def detections(layout: str) -> Any:
    """Outputs of a detector: four rows of pixels and one of a probability, by layout."""
    random = np.random.default_rng(0)
    boxes, chances = random.uniform(0, 640, (20, 4, 64)), random.beta(0.4, 8, (20, 1, 64))
    rows = np.concatenate([boxes, chances], axis=1).astype(np.float32)
    shapes = {"rows": rows, "columns": rows.transpose(0, 2, 1)}
    shapes["planes"] = rows.reshape(20, 5, 8, 8)
    shapes["pixels"] = shapes["planes"].transpose(0, 2, 3, 1)
    shapes["anchors"] = shapes["pixels"].reshape(20, 1, 8, 8, 5)
    shapes["vector"] = rows[:, :, 0]
    return shapes[layout], np.argwhere(np.array(shapes[layout].shape) == 5).item()


LAYOUTS = ["rows", "columns", "planes", "pixels", "anchors", "vector"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_channel_that_is_lost_is_not_hidden_by_channels_of_wider_range(layout: str) -> None:
    expected, axis = detections(layout)
    lost, rounded = np.moveaxis(expected.copy(), axis, 0), expected.round(3)
    lost[-1] = 0
    kept = agreement({"output0": expected}, is_classifier=False)
    assert kept.compute({"output0": np.moveaxis(lost, 0, axis)}) == 0
    assert kept.compute({"output0": rounded}) > 0.999


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("constant", [0.0, 8.0])
def test_a_channel_that_says_nothing_in_the_source_counts_with_the_whole_only(
    layout: str, constant: float
) -> None:
    expected, axis = detections(layout)
    rows = np.moveaxis(expected, axis, 0)
    rows[-1] = constant
    # What float32 leaves of a sum is no information.
    rows[-1].flat[0] += np.float32(1e-6)
    kept = agreement({"output0": expected}, is_classifier=False)
    near, far = expected.copy(), expected.copy()
    np.moveaxis(near, axis, 0)[-1] = constant + 0.01
    np.moveaxis(far, axis, 0)[-1] = constant + 600
    assert kept.compute({"output0": near}) > 0.999
    assert kept.compute({"output0": far}) < 0.5


def test_values_of_an_embedding_are_judged_together() -> None:
    expected = np.random.default_rng(0).normal(size=(20, 128)).astype(np.float32)
    expected[:, 0] = np.linspace(0, 1e-3, 20)
    coarse = expected.round(2)
    assert agreement({"mask": expected}, is_classifier=False).compute({"mask": coarse}) > 0.999


def test_probabilities_that_sum_to_one_are_judged_together() -> None:
    random = np.random.default_rng(0)
    expected = np.array([[0.2, 0.3, 0.5]]) + 0.003 * random.normal(size=(20, 1)) * [[1, -1, 0]]
    steps = (expected * 256).round() / 256
    assert agreement({"classes": expected}, is_classifier=False).compute({"classes": steps}) > 0.99
