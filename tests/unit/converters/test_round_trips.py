"""Real small models become every variant, and each agrees with its source within bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.converters import ConversionError, SourceModel, agreement
from lintel.converters.operators import slow_operators
from lintel.converters.precision import (
    PRECISIONS_OF_FORMAT,
    SUFFIX_OF_FORMAT,
    Format,
    Precision,
    format_of,
)
from lintel.converters.workshop import Workshop

# Converters take their time where other work goes first.
pytestmark = pytest.mark.timeout(900)
# The share of the outputs' variance that has to be kept.
LEAST_KEPT = {
    "float32": 0.999999,
    "float16": 0.9999,
    "dynamic": 0.99,
    "int8": 0.97,
    "int8-integer": 0.97,
    "int16x8": 0.98,
}
DATA = {
    "lenet.keras": "digits",
    "separable.keras": "digits",
    "detector.keras": "scenes",
    "lstm.keras": "series",
}
VARIANTS = [
    (form, precision)
    for form, precisions in PRECISIONS_OF_FORMAT.items()
    for precision in precisions
    # Networks have no form in XGBoost.
    if form != "xgboost"
]

OpenModel = Callable[[str], SourceModel]
Read = Callable[[str], list[Any]]
Run = Callable[[Path, list[Any]], dict[str, Any]]


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("form", "precision"), VARIANTS)
def test_every_variant_agrees_with_its_source(
    name: str,
    form: Format,
    precision: Precision,
    open_model: OpenModel,
    examples: Read,
    run_file: Run,
    tmp_path: Path,
) -> None:
    source, rows = open_model(name), examples(DATA[name])
    calibration, held = rows[:40], rows[-20:]
    file = tmp_path / f"made{SUFFIX_OF_FORMAT[form]}"
    source.convert(file, precision, calibration)
    expected = source.run(held)
    outputs = run_file(file, held)
    assert outputs.keys() == expected.keys()
    kept = agreement(expected, is_classifier=False).compute(outputs)
    assert kept >= LEAST_KEPT[precision]


def test_names_are_kept(open_model: OpenModel) -> None:
    inputs, outputs = open_model("detector.keras").describe()
    assert [(value.name, value.shape) for value in inputs] == [("pixels", (1, 32, 32, 3))]
    assert set(outputs) == {"scores", "boxes"}


def test_int8_takes_a_quarter_of_the_room_and_is_all_on_the_fast_path(
    open_model: OpenModel, examples: Read, tmp_path: Path
) -> None:
    source, rows = open_model("separable.keras"), examples("digits")[:40]
    for suffix in (".tflite", ".onnx"):
        float32 = source.convert(tmp_path / f"float32{suffix}")
        int8 = source.convert(tmp_path / f"int8{suffix}", "int8", rows)
        assert int8.size_bytes < 1.6 * float32.size_bytes
        assert slow_operators(int8.file).keys() <= {"SOFTMAX", "QUANTIZE", "DEQUANTIZE", "MEAN"}


def test_recurrent_models_need_no_operator_of_tensorflow(
    open_model: OpenModel, tmp_path: Path
) -> None:
    from ai_edge_litert import schema_py_generated as schema

    made = open_model("lstm.keras").convert(tmp_path / "lstm.tflite")
    codes = schema.ModelT.InitFromPackedBuf(made.file.read_bytes(), 0).operatorCodes
    assert codes
    assert not any(code.customCode for code in codes)


@pytest.mark.parametrize("name", ["lenet-keras2.h5", "lenet-keras3.h5", "lenet-saved"])
@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_older_forms_of_keras_are_read(
    name: str, suffix: str, open_model: OpenModel, examples: Read, run_file: Run, tmp_path: Path
) -> None:
    source, rows = open_model(name), examples("digits")[:10]
    file = tmp_path / f"made{suffix}"
    source.convert(file)
    expected = source.run(rows)
    assert agreement(expected, is_classifier=False).compute(run_file(file, rows)) > 0.999999


@pytest.mark.parametrize("name", ["trees.ubj", "trees.json"])
def test_a_thousand_trees_become_one_operator(
    name: str, open_model: OpenModel, examples: Read, run_file: Run, tmp_path: Path
) -> None:
    source = open_model(name)
    rows = examples("rows")[:50]
    made = source.convert(tmp_path / "trees.onnx")
    expected = source.run(rows)
    assert agreement(expected, is_classifier=False).compute(run_file(made.file, rows)) > 0.999999
    own = source.convert(tmp_path / "trees.json")
    (made_by_xgboost,) = run_file(own.file, rows).values()
    np.testing.assert_array_equal(made_by_xgboost, next(iter(expected.values())))
    with pytest.raises(ConversionError, match="float32 only"):
        source.convert(tmp_path / "trees.tflite")


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("two-classes.ubj", 2),
        ("three-classes.json", 3),
        ("three-numbers.json", 3),
        ("forest.joblib", 1),
        ("line.pkl", 3),
    ],
)
def test_other_models_of_tables_become_onnx(
    name: str,
    width: int,
    models: Path,
    workshop: Workshop,
    examples: Read,
    run_file: Run,
    tmp_path: Path,
) -> None:
    source = SourceModel(models / name, trust=True, workshop=workshop)
    rows = examples("rows")[:50]
    made = source.convert(tmp_path / "made.onnx")
    expected, outputs = source.run(rows), run_file(made.file, rows)
    assert [value.shape for value in outputs.values()] == [(50, width)]
    assert agreement(expected, is_classifier=False).compute(outputs) > 0.999999


def test_classes_of_trees_that_tell_only_the_best_are_told_by_probability_in_every_form(
    models: Path, workshop: Workshop, examples: Read, run_file: Run, tmp_path: Path
) -> None:
    rows = examples("rows")[:50]
    told, quiet = (
        SourceModel(models / f"{name}.json", workshop=workshop)
        for name in ("three-classes", "three-numbers")
    )
    expected = told.run(rows)["probabilities"]
    np.testing.assert_array_equal(quiet.run(rows)["probabilities"], expected)
    made = quiet.convert(tmp_path / "own.json")
    np.testing.assert_array_equal(run_file(made.file, rows)["probabilities"], expected)


@pytest.mark.parametrize("booster", ["dart", "gblinear"])
def test_a_booster_without_a_counterpart_in_onnx_is_refused_by_its_name(
    booster: str, models: Path, workshop: Workshop, tmp_path: Path
) -> None:
    source = SourceModel(models / f"{booster}.json", workshop=workshop)
    with pytest.raises(ConversionError, match=f"The booster {booster} of {booster}.json"):
        source.convert(tmp_path / "made.onnx")


def test_the_same_model_gives_the_same_bytes_in_another_process(
    open_model: OpenModel, examples: Read, models: Path, tmp_path: Path
) -> None:
    rows = examples("digits")[:12]
    with Workshop() as other:
        sources = (
            open_model("separable.keras"),
            SourceModel(models / "separable.keras", workshop=other),
        )
        for suffix, precision in ((".tflite", "int8"), (".onnx", "float32"), (".onnx", "int8")):
            made = [
                source.convert(tmp_path / f"{index}{suffix}", precision, rows).file.read_bytes()
                for index, source in enumerate(sources)
            ]
            assert made[0] == made[1]


def test_a_file_that_is_right_already_is_left_alone(open_model: OpenModel, tmp_path: Path) -> None:
    file = tmp_path / "made.onnx"
    source = open_model("lenet.keras")
    source.convert(file)
    before = file.stat()
    source.convert(file)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert format_of(file) == "onnx"


def test_a_converter_that_is_killed_takes_nothing_with_it(models: Path, tmp_path: Path) -> None:
    with Workshop() as workshop:
        source = SourceModel(models / "lenet.keras", workshop=workshop)
        source.describe()
        worker = workshop._worker
        assert worker is not None
        worker.kill()
        worker.wait()
        with pytest.raises(ConversionError, match="has ended"):
            source.convert(tmp_path / "made.tflite")
        assert not list(tmp_path.iterdir())
        assert source.convert(tmp_path / "made.tflite").size_bytes > 0
        assert [path.name for path in tmp_path.iterdir()] == ["made.tflite"]
