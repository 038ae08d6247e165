"""ONNX models become TensorFlow Lite files that give the same numbers, or are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.converters import ConversionError, SourceModel, agreement
from lintel.converters.workshop import Workshop

# Converters take their time where other work goes first.
pytestmark = pytest.mark.timeout(900)
Run = Callable[[Path, list[Any]], dict[str, Any]]
OPSETS = (8, 9, 10, 11, 13, 17, 20)


def noise(count: int, *shape: int) -> list[Any]:
    return list(np.random.default_rng(1).uniform(-1, 1, (count, *shape)).astype(np.float32))


def test_every_way_of_using_an_operator_gives_the_same_numbers(
    onnx_models: Path, workshop: Workshop, run_file: Run, tmp_path: Path
) -> None:
    source = SourceModel(onnx_models / "gallery.onnx", workshop=workshop)
    pictures = noise(3, 3, 12, 15)
    expected = source.run(pictures)
    assert len(expected) > 110
    outputs = run_file(source.convert(tmp_path / "gallery.tflite").file, pictures)
    assert outputs.keys() == expected.keys()
    wrong = {}
    for name, values in expected.items():
        assert outputs[name].shape == values.shape, name
        difference = np.abs(outputs[name].astype(np.float64) - values).max()
        if difference > 1e-4 * max(1.0, float(np.abs(values).max())):
            wrong[name] = float(difference)
    assert not wrong


def test_a_detector_like_yolov8_keeps_its_classes_but_in_int8_with_one_scale_for_all_rows(
    onnx_models: Path, workshop: Workshop, run_file: Run, tmp_path: Path
) -> None:
    source = SourceModel(onnx_models / "yolo.onnx", workshop=workshop)
    pictures = noise(20, 3, 64, 96)
    expected = source.run(pictures[10:])
    assert expected["output0"].shape == (10, 4 + 3, 8 * 12 + 4 * 6 + 2 * 3)
    bounds = {"float32": 0.9999999, "float16": 0.99999, "dynamic": 0.999, "int8": 0.85}
    for suffix in (".tflite", ".onnx"):
        for precision, least in bounds.items():
            made = source.convert(tmp_path / f"{precision}{suffix}", precision, pictures[:10])
            outputs = run_file(made.file, pictures[10:])
            boxes = {"boxes": outputs["output0"][:, :4]}
            expected_boxes = {"boxes": expected["output0"][:, :4]}
            kept_boxes = agreement(expected_boxes, is_classifier=False).compute(boxes)
            kept = agreement(expected, is_classifier=False).compute(outputs)
            assert kept_boxes >= least, (suffix, precision)
            # A step of pixels leaves nothing of a probability.
            assert kept == 0 if precision == "int8" else kept >= least, (suffix, precision)


def test_pictures_are_turned_around_once_at_most(
    onnx_models: Path, workshop: Workshop, tmp_path: Path
) -> None:
    from ai_edge_litert import schema_py_generated as schema

    made = SourceModel(onnx_models / "plain-13.onnx", workshop=workshop).convert(
        tmp_path / "made.tflite"
    )
    model = schema.ModelT.InitFromPackedBuf(made.file.read_bytes(), 0)
    turn = schema.BuiltinOperator.TRANSPOSE
    codes = [model.operatorCodes[o.opcodeIndex].builtinCode for o in model.subgraphs[0].operators]
    assert codes.count(turn) <= 1


def test_an_activation_that_hardly_varies_stops_no_quantization(
    workshop: Workshop, tmp_path: Path
) -> None:
    from onnx import helper, numpy_helper, save_model

    kernel = np.random.default_rng(2).normal(size=(8, 3, 3, 3)).astype(np.float32)
    # Added to so much, next to nothing is left of what was there: neighbours in float32.
    nodes = [
        helper.make_node("Conv", ["in", "kernel"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["seen", "much"], ["flat"]),
        helper.make_node("Conv", ["flat", "second"], ["out"]),
    ]
    constants = {
        "kernel": kernel,
        "much": np.full((1, 8, 1, 1), 1e6, np.float32),
        "second": np.random.default_rng(3).normal(size=(4, 8, 3, 3)).astype(np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "flat",
        [helper.make_tensor_value_info("in", 1, (1, 3, 16, 16))],
        [helper.make_tensor_value_info("out", 1, (1, 4, 14, 14))],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save_model(model, tmp_path / "flat.onnx")
    source = SourceModel(tmp_path / "flat.onnx", workshop=workshop)
    made = source.convert(tmp_path / "int8.onnx", "int8", noise(10, 3, 16, 16))
    assert made.notes[0].startswith("Calibrated with MinMax")


@pytest.mark.parametrize("opset", OPSETS)
def test_models_of_every_opset_in_use_are_read_and_quantized(
    opset: int, onnx_models: Path, workshop: Workshop, run_file: Run, tmp_path: Path
) -> None:
    source = SourceModel(onnx_models / f"plain-{opset}.onnx", workshop=workshop)
    pictures = noise(20, 3, 16, 16)
    expected = source.run(pictures)
    for name, least in (("float32.tflite", 0.999999), ("int8.onnx", 0.98), ("int8.tflite", 0.98)):
        made = source.convert(tmp_path / name, name.partition(".")[0], pictures)
        outputs = run_file(made.file, pictures)
        assert agreement(expected, is_classifier=False).compute(outputs) >= least, name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unknown", r"operators that cannot become TensorFlow Lite \(Erf\)"),
        ("cubic", "A resize of the kind cubic"),
        ("odd-nearest", "A resize to other than whole pixels"),
        ("edge", "A pad that repeats the edge"),
        ("column-row", "A DepthToSpace of the mode CRD"),
        ("foreign", "no operator for maker.Special"),
    ],
)
def test_what_cannot_be_held_is_named(
    name: str, said: str, onnx_models: Path, workshop: Workshop, tmp_path: Path
) -> None:
    source = SourceModel(onnx_models / f"refused-{name}.onnx", workshop=workshop)
    with pytest.raises(ConversionError, match=f"^{said}|^refused-.*{said}|^ONNX.*{said}"):
        source.convert(tmp_path / "made.tflite")
    assert not list(tmp_path.iterdir())


def test_names_that_runtimes_do_not_take_are_made_plain_in_every_variant(
    onnx_models: Path, workshop: Workshop, run_file: Run, tmp_path: Path
) -> None:
    source = SourceModel(onnx_models / "gallery.onnx", workshop=workshop)
    _, outputs = source.describe()
    assert "max_pool0" in outputs
    onnx = source.convert(tmp_path / "gallery.onnx").file
    assert run_file(onnx, noise(1, 3, 12, 15)).keys() == set(outputs)
