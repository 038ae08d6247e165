"""The models of the device: which are loaded, which are set aside, and what stops the start."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.builders import Network, run_reference

from lintel.edge.config import Settings, parse
from lintel.edge.errors import (
    InvalidArgumentError,
    LintelError,
    ModelNotFoundError,
    ModelUnavailableError,
    OverloadedError,
    PackageInvalidError,
    SettingsInvalidError,
)
from lintel.edge.images import Picture
from lintel.edge.packages import builtin_packages
from lintel.edge.runtime import Runtime

WritePackage = Callable[..., Path]
FACE = "face"
"""The default model."""
CASCADE = "face-haar"
MASK = "mask"
"""The default mask model."""
NO_MASKS = {"masks": {"model": ""}}


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Makes settings for the packages that `write_package` wrote."""

    def make(**models: Any) -> Settings:
        (tmp_path / "models").mkdir(exist_ok=True)
        return parse({"models": {"directory": str(tmp_path / "models"), **models}} | NO_MASKS)

    return make


def copy_face_package(directory: Path, name: str, old: str = "", new: str = "") -> Path:
    """Copies the built-in cascade under another name, with one change to its manifest."""
    folder = directory / "models" / name
    source = next(path for path in builtin_packages() if path.name == CASCADE)
    shutil.copytree(source, folder)
    text = (folder / "model.toml").read_text()
    assert old in text
    (folder / "model.toml").write_text(text.replace(f'"{CASCADE}"', f'"{name}"').replace(old, new))
    return folder


def test_without_a_directory_there_are_the_built_in_models_that_the_settings_name() -> None:
    runtime = Runtime(Settings(), workers=2)
    assert set(runtime.models) == {FACE, MASK} & {folder.name for folder in builtin_packages()}
    assert not runtime.broken
    model = runtime.models[FACE]
    assert (model.backend, model.pool_size, model.package.version) == ("litert", 2, "1.0.0")
    assert runtime.face_detector() is runtime.face_detector(FACE)


def test_packages_of_the_directory_are_loaded(
    write_package: WritePackage,
    settings_for: Callable[..., Settings],
    tiny_tflite: bytes,
    tiny_onnx: bytes,
    network: Network,
) -> None:
    write_package("one", litert=tiny_tflite)
    write_package("two", onnx=tiny_onnx)
    runtime = Runtime(settings_for(), workers=1)
    assert set(runtime.models) == {FACE, "one", "two"}
    inputs = network.inputs(3)
    for name in ("one", "two"):
        model = runtime.models[name]
        assert model.inputs == (("input", np.dtype(np.float32), (-1, 8, 8, 3)),)
        assert model.outputs == (("probabilities", np.dtype(np.float32), (-1, 3)),)
        results = model.infer({"input": inputs})["probabilities"]
        np.testing.assert_allclose(results, run_reference(network, inputs), rtol=0, atol=1e-5)


def test_inferences_are_counted_and_warming_up_is_not(
    write_package: WritePackage,
    settings_for: Callable[..., Settings],
    tiny_tflite: bytes,
    network: Network,
) -> None:
    write_package("tiny", litert=tiny_tflite)
    runtime = Runtime(settings_for(), workers=1)
    runtime.warm_up()
    counters = runtime.models["tiny"].counters
    assert (counters.success_count, counters.last_inference_ms) == (0, 0)
    assert runtime.models[FACE].counters.success_count == 0
    with ThreadPoolExecutor(4) as threads:
        feeds = {"input": network.inputs(1)}
        list(threads.map(lambda _: runtime.models["tiny"].infer(feeds), range(100)))
    with pytest.raises(InvalidArgumentError):
        runtime.models["tiny"].infer({})
    assert (counters.success_count, counters.failure_count) == (100, 1)
    assert min(counters.queue_ns, counters.compute_ns, counters.last_inference_ms) > 0


def test_detections_are_counted(draw_face: Callable[..., NDArray[np.uint8]]) -> None:
    runtime = Runtime(Settings(), workers=1)
    picture = Picture(draw_face(320, 240), 320, 240, format=None, raw_format=None)
    assert len(runtime.face_detector().detect(picture).boxes) == 1
    assert runtime.models[FACE].counters.success_count == 1


def test_settings_of_a_model_are_obeyed(
    write_package: WritePackage,
    settings_for: Callable[..., Settings],
    tiny_tflite: bytes,
    tiny_onnx: bytes,
) -> None:
    write_package("plain", litert=tiny_tflite, onnx=tiny_onnx)
    write_package("chosen", litert=tiny_tflite, onnx=tiny_onnx)
    settings = settings_for(
        default={"pool_size": 3}, override={"chosen": {"variant": "onnx-float32", "pool_size": 1}}
    )
    runtime = Runtime(settings, workers=2)
    plain, chosen = runtime.models["plain"], runtime.models["chosen"]
    assert (plain.variant.name, plain.pool_size) == ("litert-float32", 3)
    assert (chosen.variant.name, chosen.pool_size) == ("onnx-float32", 1)
    with chosen.pool.lease(), pytest.raises(OverloadedError):
        chosen.infer({}, timeout_s=0)


def test_a_broken_package_is_set_aside_and_logged(
    write_package: WritePackage,
    settings_for: Callable[..., Settings],
    tiny_tflite: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_package("good", litert=tiny_tflite)
    write_package("no-model", onnx=b"no model")
    (write_package("changed", litert=tiny_tflite) / "model.litert").write_bytes(b"other bytes")
    (write_package("no-toml", litert=tiny_tflite) / "model.toml").write_text("[")
    # One is opened by others, when they need it.
    override = {
        "good": {"variant": "good"},
        "away": {"threads": 2},
        "forecast-lstm": {"threads": 2},
    }
    settings = settings_for(override=override)
    with caplog.at_level(logging.WARNING, logger="lintel"):
        runtime = Runtime(settings, workers=1)
    assert set(runtime.models) == {FACE}
    assert {name: (type(error), error.field) for name, error in runtime.broken.items()} == {
        "no-model": (PackageInvalidError, "variant[0].file"),
        "changed": (PackageInvalidError, "variant[0].sha256"),
        "no-toml": (PackageInvalidError, ""),
        "good": (SettingsInvalidError, "models.override.good.variant"),
    }
    logged = [record.getMessage() for record in caplog.records]
    assert sum("is not used" in message for message in logged) == 4
    away = [message for message in logged if message.startswith("There are settings")]
    assert away == ["There are settings for the model away, which is not there."]


def test_a_model_that_fails_its_first_run_is_set_aside(
    write_package: WritePackage, settings_for: Callable[..., Settings]
) -> None:
    from onnx import TensorProto, helper

    place = helper.make_tensor_value_info("indices", TensorProto.INT64, ["count"])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["count"])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [0], [])
    node = helper.make_node("Gather", ["w", "indices"], ["y"])
    graph = helper.make_graph([node], "gather", [place], [result], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    write_package("failing", onnx=model.SerializeToString())
    runtime = Runtime(settings_for(), workers=1)
    assert set(runtime.models) == {FACE, "failing"}
    runtime.warm_up()
    assert set(runtime.models) == {FACE}
    assert set(runtime.broken) == {"failing"}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('sha256 = "0', 'sha256 = "1', PackageInvalidError),
        ("slope", "slop", PackageInvalidError),
        ("opencv:haarcascade_frontalface_default.xml", "opencv:none.xml", PackageInvalidError),
    ],
    ids=["digest", "manifest", "file"],
)
def test_a_broken_face_model_stops_the_start(
    tmp_path: Path, old: str, new: str, error: type[LintelError]
) -> None:
    copy_face_package(tmp_path, "door-face", old, new)
    tree = {"models": {"directory": str(tmp_path / "models")}, "faces": {"model": "door-face"}}
    with pytest.raises(error):
        Runtime(parse(tree), workers=1)


def test_a_face_model_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(ModelNotFoundError):
        Runtime(parse({"faces": {"model": "door-face"}}), workers=1)


def test_a_tensor_model_cannot_be_the_face_model(
    write_package: WritePackage, tmp_path: Path, tiny_tflite: bytes
) -> None:
    write_package("tiny", litert=tiny_tflite)
    tree = {"models": {"directory": str(tmp_path / "models")}, "faces": {"model": "tiny"}}
    with pytest.raises(ModelNotFoundError):
        Runtime(parse(tree), workers=1)


def test_the_built_in_face_model_is_left_out_where_another_is_named(tmp_path: Path) -> None:
    copy_face_package(tmp_path, "door-face")
    tree = {"models": {"directory": str(tmp_path / "models")}, "faces": {"model": "door-face"}}
    assert set(Runtime(parse(tree | NO_MASKS), workers=1).models) == {"door-face"}


def test_an_installed_package_takes_the_place_of_the_built_in_one(
    tmp_path: Path, settings_for: Callable[..., Settings]
) -> None:
    folder = copy_face_package(tmp_path, FACE, 'version = "1.0.0"', 'version = "1.0.1"')
    runtime = Runtime(settings_for(), workers=1)
    assert runtime.models[FACE].package.folder == folder


def test_a_second_face_model_can_be_asked_for(
    tmp_path: Path, settings_for: Callable[..., Settings]
) -> None:
    copy_face_package(tmp_path, "wide-face", "long_side = 640", "long_side = 320")
    runtime = Runtime(settings_for(), workers=1)
    assert runtime.face_detector("wide-face").long_side == 320
    assert runtime.face_detector().long_side == 640


def test_what_is_no_face_model_makes_no_detector(
    write_package: WritePackage, settings_for: Callable[..., Settings], tiny_tflite: bytes
) -> None:
    write_package("tiny", litert=tiny_tflite)
    runtime = Runtime(settings_for(), workers=1)
    for name in ("tiny", "unknown"):
        with pytest.raises(ModelNotFoundError) as caught:
            runtime.face_detector(name)
        assert caught.value.field == "model"


def test_a_closed_runtime_runs_nothing() -> None:
    runtime = Runtime(Settings(), workers=1)
    runtime.close()
    picture = Picture(np.zeros((48, 64), np.uint8), 64, 48, format=None, raw_format=None)
    with pytest.raises(ModelUnavailableError):
        runtime.face_detector().detect(picture)


def test_models_that_hang_are_waited_for_together(
    write_package: WritePackage, settings_for: Callable[..., Settings], tiny_tflite: bytes
) -> None:
    for name in ("one", "two", "three"):
        write_package(name, litert=tiny_tflite)
    runtime = Runtime(settings_for(), workers=1)
    with ExitStack() as leases:
        for name in ("one", "two", "three"):
            leases.enter_context(runtime.models[name].pool.lease())
        began_s = time.monotonic()
        runtime.close(0.5)
        assert 0.5 <= time.monotonic() - began_s < 1.0
