"""The mask models of the device, of which a missing or broken one stops nothing else."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.mask_packages import plain, write_mask_package

from lintel.edge.config import Settings, parse
from lintel.edge.errors import ModelNotFoundError
from lintel.edge.images import Picture
from lintel.edge.packages import builtin_packages
from lintel.edge.runtime import Runtime


def settings_for(directory: Path, **masks: object) -> Settings:
    return parse({"models": {"directory": str(directory)}, "masks": masks})


def refused_name(runtime: Runtime, name: str = "") -> str:
    with pytest.raises(ModelNotFoundError, match="no mask model") as caught:
        runtime.mask_classifier(name)
    return caught.value.field


def failing_model() -> bytes:
    """A model that can be opened, and that fails on every picture."""
    place = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 16, 16, 3])
    result = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3])
    nodes = [
        helper.make_node("Cast", ["x"], ["long"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["long"], ["largest"], keepdims=0),
        helper.make_node("Add", ["largest", "far"], ["index"]),
        helper.make_node("Gather", ["table", "index"], ["row"], axis=0),
        helper.make_node("Unsqueeze", ["row", "axis"], ["logits"]),
    ]
    constants = [
        helper.make_tensor("far", TensorProto.INT64, [], [1000]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [0]),
        helper.make_tensor("table", TensorProto.FLOAT, [2, 3], [0.0] * 6),
    ]
    graph = helper.make_graph(nodes, "failing", [place], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def test_mask_models_are_found_by_name(tmp_path: Path) -> None:
    write_mask_package(tmp_path)
    write_mask_package(tmp_path, "other", backend="onnx")
    runtime = Runtime(settings_for(tmp_path), workers=1)
    assert runtime.judges_masks
    assert {"mask", "other"} <= set(runtime.models)
    assert runtime.mask_classifier() is runtime.mask_classifier("mask")
    assert runtime.mask_classifier("other") is not runtime.mask_classifier()
    assert refused_name(runtime, "face") == refused_name(runtime, "nobody") == "model"
    with pytest.raises(ModelNotFoundError):
        runtime.face_detector("mask")


def test_the_settings_name_the_model(tmp_path: Path) -> None:
    write_mask_package(tmp_path, "door-mask")
    runtime = Runtime(settings_for(tmp_path, model="door-mask"), workers=1)
    assert runtime.mask_classifier() is runtime.mask_classifier("door-mask")
    assert "mask" not in runtime.models


def test_an_installed_package_takes_the_place_of_the_built_in_one(tmp_path: Path) -> None:
    folder = write_mask_package(tmp_path)
    runtime = Runtime(settings_for(tmp_path), workers=1)
    assert runtime.models["mask"].package.folder == folder


def test_a_broken_package_is_not_replaced_by_the_built_in_one(tmp_path: Path) -> None:
    folder = tmp_path / "face-320"
    folder.mkdir()
    (folder / "model.toml").write_text("[")
    runtime = Runtime(settings_for(tmp_path, model="face-320"), workers=1)
    assert set(runtime.broken) == {"face-320"}
    assert "face-320" not in runtime.models


def test_no_mask_model_is_needed(tmp_path: Path) -> None:
    runtime = Runtime(settings_for(tmp_path, model=""), workers=1)
    assert not runtime.judges_masks
    assert refused_name(runtime) == "model"


@pytest.mark.parametrize("name", ["door-mask", "face"])
def test_a_mask_model_that_is_not_there_stops_nothing(tmp_path: Path, name: str) -> None:
    runtime = Runtime(settings_for(tmp_path, model=name), workers=1)
    assert runtime.finds_faces
    assert not runtime.judges_masks
    assert refused_name(runtime) == "model"


def test_the_built_in_model_is_not_needed_for_a_start(tmp_path: Path) -> None:
    runtime = Runtime(settings_for(tmp_path), workers=1)
    is_there = any(folder.name == "mask" for folder in builtin_packages())
    assert runtime.judges_masks == is_there
    assert runtime.finds_faces


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('sha256 = "', 'sha256 = "' + "0" * 64 + '" #', "variant[0].sha256"),
        ("[16, 16]", "[20, 20]", "input"),
        ('"logits"', '"scores"', "output.probabilities"),
        ('"with_mask"', '"masked"', "output.labels"),
        ("[input]", "[inputs]", "inputs"),
    ],
)
def test_a_broken_mask_model_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, old: str, new: str, field: str
) -> None:
    manifest = write_mask_package(tmp_path) / "model.toml"
    manifest.write_text(manifest.read_text().replace(old, new, 1))
    with caplog.at_level(logging.ERROR, logger="lintel"):
        runtime = Runtime(settings_for(tmp_path), workers=1)
    assert runtime.broken["mask"].field == field
    assert "The model mask is not used" in caplog.text
    # The built-in one does not take its place in silence.
    assert "mask" not in runtime.models
    assert not runtime.judges_masks
    assert refused_name(runtime) == "model"
    assert runtime.finds_faces


def test_warming_up_runs_mask_models_uncounted(tmp_path: Path) -> None:
    write_mask_package(tmp_path)
    runtime = Runtime(settings_for(tmp_path), workers=1)
    runtime.warm_up()
    counters = runtime.models["mask"].counters
    assert (counters.success_count, counters.failure_count) == (0, 0)
    picture = Picture(plain((1, 2, 3)), 64, 48, None, None)
    runtime.mask_classifier().classify(picture, np.array([[0, 0, 9, 9], [9, 9, 30, 30]]))
    assert (counters.success_count, counters.failure_count) == (2, 0)


def test_a_mask_model_that_fails_its_first_run_is_set_aside(tmp_path: Path) -> None:
    write_mask_package(tmp_path, backend="onnx", model=failing_model())
    runtime = Runtime(settings_for(tmp_path), workers=1)
    assert runtime.mask_classifier() is not None
    runtime.warm_up()
    assert not runtime.judges_masks
    assert set(runtime.broken) == {"mask"}
    assert runtime.finds_faces
