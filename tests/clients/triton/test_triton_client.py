"""tritonclient, unmodified, against a real device with LiteRT and ONNX models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.builders import Network, camera_network, run_reference, tiny_network
from tests.tensor_packages import VERSION, write_network

from lintel.edge.config import parse
from lintel.edge.service import DeviceServer

# The tiny network takes FP32, the camera's UINT8.
NETWORKS = {"tiny": tiny_network, "camera": camera_network}
PLATFORMS = {"litert": "tensorflow_tflite", "onnx": "onnx_onnxv1"}
MODELS = [f"{network}-{backend}" for network in NETWORKS for backend in PLATFORMS]
BATCH = 3
# Calls of use.py that end in an inference: 3 alone, 6 with callbacks, 2 streamed, 6 in asyncio.
INFERENCES = 17


@dataclass(frozen=True)
class Use:
    """What tritonclient made of a model.

    Attributes:
        model: Its name.
        network: What is in it.
        batch: What was sent.
        expected: What must come back, (BATCH, classes).
        told: What use.py printed.
    """

    model: str
    network: Network
    batch: NDArray[Any]
    expected: NDArray[np.float64]
    told: dict[str, Any]


@pytest.fixture(scope="module")
def tensor_device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeviceServer]:
    """A device that holds both networks for both backends."""
    directory = tmp_path_factory.mktemp("models")
    for name, make in NETWORKS.items():
        write_network(directory, name, make())
    settings = parse(
        {
            "server": {"listen": ["127.0.0.1:0"], "max_queue": 16},
            "models": {"directory": str(directory)},
            # It has no tensors, and so is not among them.
            "faces": {"model": "face-haar"},
            "masks": {"model": ""},
        }
    )
    with DeviceServer(settings) as device:
        yield device


@pytest.fixture(scope="module", params=MODELS)
def use(
    request: pytest.FixtureRequest,
    run_with_triton: Callable[..., Any],
    tensor_device: DeviceServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Use:
    """Has tritonclient use a model in every way, once."""
    network = NETWORKS[request.param.partition("-")[0]]()
    batch = network.inputs(BATCH)
    file = tmp_path_factory.mktemp("batch") / "batch.npy"
    np.save(file, batch)
    told = run_with_triton("use.py", tensor_device.addresses[0], request.param, str(file))
    return Use(request.param, network, batch, run_reference(network, batch), told)


def assert_close(output: Any, expected: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(np.array(output), expected, atol=1e-5)


def test_it_finds_the_device_live_and_ready(use: Use) -> None:
    around = use.told["look_around"]

    assert around["live"] is True
    assert around["ready"] is True
    assert around["model_ready"] is True
    assert around["unknown_model_ready"] is False
    assert around["other_version_ready"] is False
    assert around["server"]["name"] == "lintel"


def test_it_lists_the_models_that_have_tensors(use: Use) -> None:
    index = use.told["look_around"]["index"]["models"]

    assert index == [
        {"name": name, "version": VERSION, "state": "READY"} for name in sorted(MODELS)
    ]


def test_it_reads_the_metadata(use: Use) -> None:
    side, datatype = use.network.side, "UINT8" if use.network.takes_bytes else "FP32"

    assert use.told["look_around"]["metadata"] == {
        "name": use.model,
        "versions": [VERSION],
        "platform": PLATFORMS[use.model.partition("-")[2]],
        "inputs": [
            {"name": "input", "datatype": datatype, "shape": ["-1", str(side), str(side), "3"]}
        ],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": ["-1", "3"]}],
    }


def test_it_reads_the_config(use: Use) -> None:
    config = use.told["look_around"]["config"]["config"]
    side, kind = str(use.network.side), "TYPE_UINT8" if use.network.takes_bytes else "TYPE_FP32"

    assert config["name"] == use.model
    assert config["backend"] == use.model.partition("-")[2]
    assert config["input"] == [
        {"name": "input", "data_type": kind, "dims": ["-1", side, side, "3"]}
    ]
    assert config["output"] == [
        {"name": "probabilities", "data_type": "TYPE_FP32", "dims": ["-1", "3"]}
    ]
    # Batches are dimensions like any other: this tells the client not to add one.
    assert "max_batch_size" not in config


def test_it_infers_a_batch(use: Use) -> None:
    inferred = use.told["infer"]

    assert_close(inferred["output"], use.expected)
    assert_close(inferred["by_version"], use.expected)
    assert_close(inferred["compressed"], use.expected)
    assert inferred["id"] == "one"
    assert inferred["model"] == use.model
    assert inferred["version"] == VERSION


def test_it_infers_with_callbacks(use: Use) -> None:
    for index, output in enumerate(use.told["callbacks"]):
        assert_close(output, use.expected[index % BATCH])


def test_it_infers_on_a_stream_which_survives_an_error(use: Use) -> None:
    first, error, last = use.told["streamed"]

    assert_close(first, use.expected)
    assert error == "No model of that name has tensors to serve."
    assert_close(last, use.expected)


def test_it_infers_with_asyncio(use: Use) -> None:
    told = use.told["asyncio"]

    assert told["ready"] is True
    for output in told["outputs"]:
        assert_close(output, use.expected)
    assert told["unknown_model"] == "StatusCode.NOT_FOUND"


def test_it_reads_the_statistics(use: Use) -> None:
    (before,) = use.told["statistics_before"]["model_stats"]
    (after,) = use.told["statistics"]["model_stats"]
    served = int(after["inference_count"]) - int(before.get("inference_count", 0))
    stats = after["inference_stats"]

    assert after["name"] == use.model
    assert after["version"] == VERSION
    assert served == INFERENCES
    assert int(after["execution_count"]) == int(after["inference_count"])
    assert int(stats["success"]["count"]) == int(after["inference_count"])
    assert int(stats["compute_infer"]["ns"]) > 0
    assert int(after["last_inference"]) > 0
    names = [model["name"] for model in use.told["all_statistics"]["model_stats"]]
    assert names == sorted(MODELS)


@pytest.mark.parametrize(
    ("case", "status", "words"),
    [
        ("unknown_model", "NOT_FOUND", "No model of that name"),
        ("unknown_metadata", "NOT_FOUND", "No model of that name"),
        ("other_version", "NOT_FOUND", f"version {VERSION}"),
        ("wrong_shape", "INVALID_ARGUMENT", '"input" has the shape'),
        ("wrong_datatype", "INVALID_ARGUMENT", '"input" is to be'),
        ("no_input", "INVALID_ARGUMENT", 'needs "input"'),
        ("shared_memory", "INVALID_ARGUMENT", "shared_memory_region"),
        ("load", "UNIMPLEMENTED", ""),
    ],
)
def test_it_understands_errors(use: Use, case: str, status: str, words: str) -> None:
    error = use.told["errors"][case]

    assert error["status"] == f"StatusCode.{status}"
    assert words in error["message"]
