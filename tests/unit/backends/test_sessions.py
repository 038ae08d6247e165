"""LiteRT and ONNX Runtime compute the same, and refuse what they cannot run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.builders import Network, build_onnx, build_tflite, camera_network, run_reference

from lintel.edge.backends import Session
from lintel.edge.backends.litert import LiteRtSession
from lintel.edge.backends.onnx import OnnxSession
from lintel.edge.errors import (
    InferenceFailedError,
    InvalidArgumentError,
    ModelUnavailableError,
    PackageInvalidError,
)

Open = Callable[[bytes], Session]


def open_litert(model: bytes) -> Session:
    return LiteRtSession(model, threads=1)


def open_onnx(model: bytes) -> Session:
    return OnnxSession(model, threads=1, providers=("CPUExecutionProvider",))


BACKENDS = [pytest.param("litert", id="litert"), pytest.param("onnx", id="onnx")]
OPEN: dict[str, Open] = {"litert": open_litert, "onnx": open_onnx}


@pytest.fixture
def models(tiny_tflite: bytes, tiny_onnx: bytes) -> dict[str, bytes]:
    return {"litert": tiny_tflite, "onnx": tiny_onnx}


@pytest.fixture(params=BACKENDS)
def session(request: pytest.FixtureRequest, models: dict[str, bytes]) -> Session:
    return OPEN[request.param](models[request.param])


@pytest.fixture(scope="module")
def camera() -> Network:
    return camera_network()


def probabilities(session: Session, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return session.run({"input": inputs})["probabilities"]


def test_both_tell_of_the_same_tensors(models: dict[str, bytes]) -> None:
    litert, onnx = open_litert(models["litert"]), open_onnx(models["onnx"])
    assert litert.inputs == onnx.inputs == (("input", np.dtype(np.float32), (-1, 8, 8, 3)),)
    assert litert.outputs == onnx.outputs
    assert litert.outputs == (("probabilities", np.dtype(np.float32), (-1, 3)),)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_both_agree_with_numpy_and_one_another(
    models: dict[str, bytes], network: Network, count: int
) -> None:
    inputs = network.inputs(count, seed=count)
    expected = run_reference(network, inputs)
    litert = probabilities(open_litert(models["litert"]), inputs)
    onnx = probabilities(open_onnx(models["onnx"]), inputs)
    assert litert.shape == onnx.shape == (count, 3)
    np.testing.assert_allclose(litert, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(onnx, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(litert, onnx, rtol=0, atol=1e-5)


def test_both_agree_on_a_larger_network_of_bytes(camera: Network) -> None:
    inputs = camera.inputs(2)
    assert inputs.dtype == np.uint8
    assert 150_000 < camera.parameter_count < 170_000
    expected = run_reference(camera, inputs)
    litert = probabilities(open_litert(build_tflite(camera)), inputs)
    onnx = probabilities(open_onnx(build_onnx(camera)), inputs)
    np.testing.assert_allclose(litert, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(onnx, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(litert, onnx, rtol=0, atol=1e-5)


def test_the_length_of_a_batch_may_change_from_run_to_run(
    session: Session, network: Network
) -> None:
    for count in (3, 1, 5, 5, 1):
        inputs = network.inputs(count, seed=count)
        np.testing.assert_allclose(
            probabilities(session, inputs), run_reference(network, inputs), rtol=0, atol=1e-5
        )


def test_results_are_the_callers_own(session: Session, network: Network) -> None:
    first = probabilities(session, network.inputs(1, seed=1))
    before = first.copy()
    probabilities(session, network.inputs(1, seed=2))
    np.testing.assert_array_equal(first, before)


def test_feeds_may_be_read_only_and_scattered(session: Session, network: Network) -> None:
    inputs = network.inputs(2)
    scattered = np.asfortranarray(inputs)
    scattered.flags.writeable = False
    np.testing.assert_array_equal(probabilities(session, scattered), probabilities(session, inputs))


@pytest.mark.parametrize(
    ("feeds", "field", "words"),
    [
        ({}, "inputs.input", "missing"),
        ({"inputs": np.zeros((1, 8, 8, 3), np.float32)}, "inputs", "it has input"),
        ({"input": np.zeros((1, 8, 8, 3), np.uint8)}, "inputs.input", "float32, not uint8"),
        ({"input": np.zeros((1, 8, 9, 3), np.float32)}, "inputs.input", "not [1, 8, 9, 3]"),
        ({"input": np.zeros((8, 8, 3), np.float32)}, "inputs.input", "[-1, 8, 8, 3]"),
        ({"input": np.zeros((0, 8, 8, 3), np.float32)}, "inputs.input", "not [0, 8, 8, 3]"),
    ],
    ids=["missing", "unknown", "dtype", "length", "axes", "empty"],
)
def test_a_feed_that_does_not_fit_is_named(
    session: Session, feeds: dict[str, np.ndarray[Any, Any]], field: str, words: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        session.run(feeds)
    assert caught.value.field == field
    assert words in caught.value.message


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda model: b"",
        lambda model: b"\0" * 64,
        lambda model: model[:100],
        lambda model: model[:-100],
        lambda model: b"TFL3" * 16,
        lambda model: model[:4] + b"ORTM" + model[8:],
        lambda model: np.random.default_rng(0).bytes(10_000),
        lambda model: model[:8] + np.random.default_rng(0).bytes(10_000),
    ],
    ids=["empty", "zeros", "head", "cut", "name", "other format", "random", "random tail"],
)
def test_damaged_models_are_refused(
    models: dict[str, bytes], backend: str, spoil: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(PackageInvalidError) as caught:
        OPEN[backend](spoil(models[backend]))
    assert "the model file" in caught.value.message.lower()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_with_flipped_bits_runs_or_is_refused(
    models: dict[str, bytes], network: Network, backend: str
) -> None:
    for seed in range(200):
        chance = np.random.default_rng(seed)
        model = bytearray(models[backend])
        model[chance.integers(len(model))] ^= 1 << int(chance.integers(8))
        try:
            OPEN[backend](bytes(model)).run({"input": network.inputs(1)})
        except (PackageInvalidError, InvalidArgumentError, InferenceFailedError):
            continue


def test_providers_that_are_not_there_are_passed_over(tiny_onnx: bytes) -> None:
    OnnxSession(tiny_onnx, 1, ("MadeUpExecutionProvider", "CPUExecutionProvider"))


def test_without_any_provider_the_model_is_unavailable(tiny_onnx: bytes) -> None:
    with pytest.raises(ModelUnavailableError):
        OnnxSession(tiny_onnx, 1, ("MadeUpExecutionProvider",))


def test_litert_says_nothing_of_its_own_where_people_read(
    tiny_tflite: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny_tflite)
    # In a fresh process, since it greets once a process; what others write is to stay.
    program = (
        "import sys; from pathlib import Path;"
        "from lintel.edge.backends.litert import LiteRtSession;"
        "LiteRtSession(Path(sys.argv[1]).read_bytes(), 1); print('mine', file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "model.tflite")]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stderr == "mine\n"
