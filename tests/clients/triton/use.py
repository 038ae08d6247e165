"""Uses a device through tritonclient as an application would; prints what came of it as JSON.

Arguments: the address, a model's name, and a .npy file with its input, a batch.
"""

from __future__ import annotations

import asyncio
import json
import queue
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_asyncio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

INPUT, OUTPUT = "input", "probabilities"
AT_A_TIME = 6
TIMEOUT_S = 20


def make_input(batch: np.ndarray) -> triton.InferInput:
    tensor = triton.InferInput(INPUT, batch.shape, np_to_triton_dtype(batch.dtype))
    tensor.set_data_from_numpy(batch)
    return tensor


def tell(call: Callable[[], Any]) -> dict[str, str]:
    """Returns the error that a call must raise."""
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return {"status": "OK", "message": ""}


def look_around(client: triton.InferenceServerClient, model: str) -> dict[str, Any]:
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model),
        "unknown_model_ready": client.is_model_ready("no-such-model"),
        "other_version_ready": client.is_model_ready(model, "9.9.9"),
        "server": client.get_server_metadata(as_json=True),
        "index": client.get_model_repository_index(as_json=True),
        "metadata": client.get_model_metadata(model, as_json=True),
        "config": client.get_model_config(model, as_json=True),
    }


def infer(client: triton.InferenceServerClient, model: str, batch: np.ndarray) -> dict[str, Any]:
    result = client.infer(
        model,
        [make_input(batch)],
        outputs=[triton.InferRequestedOutput(OUTPUT)],
        request_id="one",
    )
    response = result.get_response()
    return {
        "output": result.as_numpy(OUTPUT).tolist(),
        "id": response.id,
        "model": response.model_name,
        "version": response.model_version,
        "by_version": client.infer(model, [make_input(batch)], response.model_version)
        .as_numpy(OUTPUT)
        .tolist(),
        "compressed": client.infer(model, [make_input(batch)], compression_algorithm="gzip")
        .as_numpy(OUTPUT)
        .tolist(),
    }


def infer_with_callbacks(
    client: triton.InferenceServerClient, model: str, batch: np.ndarray
) -> list[Any]:
    """Sends each picture of the batch by itself, all at once."""
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    for index in range(AT_A_TIME):
        picture = batch[index % len(batch)][None]
        client.async_infer(
            model,
            [make_input(picture)],
            lambda result, error: answers.put((result, error)),
            request_id=str(index),
        )
    outputs = {}
    for _ in range(AT_A_TIME):
        result, error = answers.get(timeout=TIMEOUT_S)
        if error is not None:
            raise error
        outputs[int(result.get_response().id)] = result.as_numpy(OUTPUT)[0].tolist()
    return [outputs[index] for index in range(AT_A_TIME)]


def infer_streamed(
    client: triton.InferenceServerClient, model: str, batch: np.ndarray
) -> list[Any]:
    """Sends three requests on a stream, of which the second is wrong."""
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for name in (model, "no-such-model", model):
        client.async_stream_infer(name, [make_input(batch)])
    told = []
    for _ in range(3):
        result, error = answers.get(timeout=TIMEOUT_S)
        told.append(error.message() if error else result.as_numpy(OUTPUT).tolist())
    client.stop_stream()
    return told


def err(client: triton.InferenceServerClient, model: str, batch: np.ndarray) -> dict[str, Any]:
    other = np.float64 if batch.dtype != np.float64 else np.float32
    shared = make_input(batch)
    shared.set_shared_memory("region", batch.nbytes)
    return {
        "unknown_model": tell(lambda: client.infer("no-such-model", [make_input(batch)])),
        "unknown_metadata": tell(lambda: client.get_model_metadata("no-such-model")),
        "other_version": tell(lambda: client.infer(model, [make_input(batch)], "9.9.9")),
        "wrong_shape": tell(lambda: client.infer(model, [make_input(batch[:, :-1].copy())])),
        "wrong_datatype": tell(lambda: client.infer(model, [make_input(batch.astype(other))])),
        "no_input": tell(lambda: client.infer(model, [])),
        "shared_memory": tell(lambda: client.infer(model, [shared])),
        "load": tell(lambda: client.load_model(model)),
    }


async def use_asyncio(address: str, model: str, batch: np.ndarray) -> dict[str, Any]:
    async with triton_asyncio.InferenceServerClient(address) as client:
        calls = (client.infer(model, [make_input(batch)]) for _ in range(AT_A_TIME))
        results = await asyncio.gather(*calls)
        try:
            await client.infer("no-such-model", [make_input(batch)])
            status = "OK"
        except InferenceServerException as error:
            status = error.status()
        return {
            "ready": await client.is_server_ready(),
            "outputs": [result.as_numpy(OUTPUT).tolist() for result in results],
            "unknown_model": status,
        }


def main() -> None:
    """Uses the device in every way."""
    address, model, file = sys.argv[1:]
    batch = np.load(file)
    with triton.InferenceServerClient(address) as client:
        before = client.get_inference_statistics(model, as_json=True)
        told = {
            "look_around": look_around(client, model),
            "infer": infer(client, model, batch),
            "callbacks": infer_with_callbacks(client, model, batch),
            "streamed": infer_streamed(client, model, batch),
            "errors": err(client, model, batch),
            "asyncio": asyncio.run(use_asyncio(address, model, batch)),
            "statistics_before": before,
            "statistics": client.get_inference_statistics(model, as_json=True),
            "all_statistics": client.get_inference_statistics(as_json=True),
        }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main()
