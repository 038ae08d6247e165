"""Resident memory of the server, idle and after many calls, and its time to SERVING.

One row a device: with a LiteRT model alone (its tensors are inferred), and with the default models
of faces and masks beside it (pictures of 640x480 are blurred and the model inferred in turn). Both
have the page, as by default.
Run: python -m tests.bench.bench_memory [--calls N]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
from tests.bench.support import camera_pictures, run_device
from tests.builders import build_tflite, camera_network
from tests.tensor_packages import write_package

from lintel.inference import open_inference_pb2, open_inference_pb2_grpc
from lintel.v1 import face_pb2, face_pb2_grpc, image_pb2

IDLE_TARGET_MB, AFTER_TARGET_MB, START_TARGET_S = 95, 120, 1.0
IN_FLIGHT = 4
STARTS = 5


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    options = parser.parse_args()
    print(f"{'':34}{'start s':>9}{'idle MB':>9}{f'after {options.calls} calls':>20}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_package(folder / "models", "camera", "litert", build_tflite(camera_network()))
        models = f'[models]\ndirectory = "{folder}/models"\n'
        alone = f'{models}[faces]\nmodel = ""\n[masks]\nmodel = ""\n'
        for title, settings, call in (
            ("LiteRT model alone, inferences", alone, infer),
            ("and faces and masks, half are blurs", models, infer_and_blur),
        ):
            starts, idles = [], []
            for _ in range(STARTS - 1):
                with run_device(folder, settings) as device:
                    starts.append(device.start_s)
                    idles.append(device.resident_mb())
            with run_device(folder, settings) as device:
                starts.append(device.start_s)
                idles.append(device.resident_mb())
                with grpc.insecure_channel(device.unix) as channel:
                    call_many(call(channel), options.calls)
                after = device.resident_mb()
            start, idle = statistics.median(starts), statistics.median(idles)
            print(f"{title:34}{start:9.2f}{idle:9.1f}{after:20.1f}")
    print(f"{'target':34}{START_TARGET_S:9.2f}{IDLE_TARGET_MB:9.1f}{AFTER_TARGET_MB:20.1f}")


def call_many(calls: Iterator[Callable[[], object]], count: int) -> None:
    """Makes calls, a few at a time."""
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        for done in threads.map(lambda call: call(), itertools.islice(calls, count)):
            assert done is not None


def infer(channel: grpc.Channel) -> Iterator[Callable[[], object]]:
    """Yields inferences of the LiteRT model."""
    pixels = camera_network().inputs(1)
    request = open_inference_pb2.ModelInferRequest(
        model_name="camera",
        inputs=[
            open_inference_pb2.ModelInferRequest.InferInputTensor(
                name="input", datatype="UINT8", shape=pixels.shape
            )
        ],
        raw_input_contents=[pixels.tobytes()],
    )
    stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    while True:
        yield partial(stub.ModelInfer, request)


def infer_and_blur(channel: grpc.Channel) -> Iterator[Callable[[], object]]:
    """Yields inferences and blurs in turn; most blurs look for no faces, to keep it short."""
    stub = face_pb2_grpc.FaceServiceStub(channel)
    inferences = infer(channel)
    pictures = itertools.cycle(camera_pictures(640, 480))
    for number in itertools.count():
        yield next(inferences)
        request = face_pb2.BlurFacesRequest(
            images=[image_pb2.Image(encoded=next(pictures))],
            blur=face_pb2.BlurOptions(whole_frame=number % 10 != 0),
        )
        yield partial(stub.BlurFaces, request)


if __name__ == "__main__":
    main()
