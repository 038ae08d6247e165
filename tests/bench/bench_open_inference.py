"""The Open Inference Protocol against the same model in process: calls a second, and latency.

A real device (`lintel serve`) in a process of its own serves a CNN of 160,000 parameters that
sees 128x128 pixels as uint8; a client in another process keeps four calls in flight, over TCP
and over a Unix socket. The reference is one thread that runs the model in this process, without
any server, right before each client. The ratio is the median over rounds of the client's calls a
second by the reference's runs a second; it means little where other work has the same cores.
Run: python -m tests.bench.bench_open_inference [--rounds N] [--seconds S] [--backend NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
from tests.bench.support import DeviceProcess, run_device
from tests.builders import camera_network
from tests.tensor_packages import write_network

from lintel.edge.backends import open_session
from lintel.edge.config import ModelSettings
from lintel.edge.packages import load_package
from lintel.inference import open_inference_pb2 as protocol
from lintel.inference import open_inference_pb2_grpc

TARGET = 0.70
IN_FLIGHT = 4
WARM_UP_S = 0.3
CLIENTS = ("futures", "threads", "asyncio")


def main() -> None:
    """Prints a table, or, with --client, what one client measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--backend", choices=("litert", "onnx"), default="litert")
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=CLIENTS)
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    options = parser.parse_args()
    model = f"camera-{options.backend}"
    if options.client:
        print(json.dumps(measure(options.client, options.address, model, options.seconds)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_network(folder / "models", "camera", camera_network())
        with run_device(folder, f'[models]\ndirectory = "{folder}/models"') as device:
            compare(folder / "models" / model, device, options)


def compare(package: Path, device: DeviceProcess, options: argparse.Namespace) -> None:
    """Measures everything in turn, round by round, and prints the medians."""
    addresses = {"TCP": device.tcp, "Unix socket": device.unix}
    ways = [(place, client) for place in addresses for client in options.clients]
    reference = Reference(package)
    references: list[float] = []
    ratios: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    latencies: dict[tuple[str, str], list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(options.rounds):
        for place, client in ways:
            references.append(reference.measure(options.seconds))
            command = [sys.executable, "-m", "tests.bench.bench_open_inference"]
            command += ["--client", client, "--backend", options.backend]
            command += ["--address", addresses[place], "--seconds", str(options.seconds)]
            told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            ratios[place, client].append(told["calls_per_s"] / references[-1])
            latencies[place, client].append((told["p50_ms"], told["p99_ms"]))
    middle = statistics.median(references)
    print(f"camera-{options.backend}, {IN_FLIGHT} in flight, {os.cpu_count()} cores")
    print(f"one thread in process: {middle:.0f} runs a second")
    print(f"{'client':<22}{'ratio':>7}{'least':>7}{'most':>7}{'p50 ms':>9}{'p99 ms':>9}")
    for way in ways:
        low, ratio, high = min(ratios[way]), statistics.median(ratios[way]), max(ratios[way])
        p50, p99 = (statistics.median(values) for values in zip(*latencies[way], strict=True))
        print(f"{' '.join(way):<22}{ratio:>7.2f}{low:>7.2f}{high:>7.2f}{p50:>9.2f}{p99:>9.2f}")
    print(f"target of the ratio: {TARGET:.2f}")


class Reference:
    """The model in this process, on this thread."""

    def __init__(self, package: Path) -> None:
        loaded = load_package(package)
        self._session = open_session(loaded, loaded.manifest.variants[0], ModelSettings())
        self._feeds = {"input": camera_network().inputs(1)}
        self.measure(WARM_UP_S)

    def measure(self, seconds: float) -> float:
        """Returns the runs a second."""
        began, runs = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            self._session.run(self._feeds)
            runs += 1
        return runs / (time.perf_counter() - began)


def measure(client: str, address: str, model: str, seconds: float) -> dict[str, float]:
    """Keeps calls in flight for a while; the first moments do not count."""
    pixels = camera_network().inputs(1)
    request = protocol.ModelInferRequest(
        model_name=model,
        inputs=[
            protocol.ModelInferRequest.InferInputTensor(
                name="input", datatype="UINT8", shape=pixels.shape
            )
        ],
        raw_input_contents=[pixels.tobytes()],
    )
    clock = Clock(seconds)
    ways: dict[str, Callable[[str, protocol.ModelInferRequest, Clock], None]] = {
        "futures": call_with_futures,
        "threads": call_with_threads,
        "asyncio": lambda *arguments: asyncio.run(call_with_asyncio(*arguments)),
    }
    ways[client](address, request, clock)
    p50, p99 = np.percentile(clock.latencies_s, [50, 99]) * 1000
    return {"calls_per_s": len(clock.latencies_s) / seconds, "p50_ms": p50, "p99_ms": p99}


class Clock:
    """Notes the calls that end within the time that counts."""

    def __init__(self, seconds: float) -> None:
        self.begin = time.perf_counter() + WARM_UP_S
        self.end = self.begin + seconds
        self.latencies_s: list[float] = []

    def note(self, began: float) -> bool:
        """Notes a call that has just ended; returns whether there is time for another."""
        now = time.perf_counter()
        if self.begin <= now < self.end:
            self.latencies_s.append(now - began)
        return now < self.end


def call_with_futures(address: str, request: protocol.ModelInferRequest, clock: Clock) -> None:
    """One thread waits for whichever call is first and sends the next."""
    finished = threading.Semaphore(0)
    with grpc.insecure_channel(address) as channel:
        stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)

        def send() -> None:
            began = time.perf_counter()
            stub.ModelInfer.future(request).add_done_callback(lambda call: end(call, began))

        def end(call: grpc.Future[protocol.ModelInferResponse], began: float) -> None:
            call.result()
            if clock.note(began):
                send()
            else:
                finished.release()

        for _ in range(IN_FLIGHT):
            send()
        for _ in range(IN_FLIGHT):
            finished.acquire()


def call_with_threads(address: str, request: protocol.ModelInferRequest, clock: Clock) -> None:
    """Each of the threads waits for its own call."""
    with grpc.insecure_channel(address) as channel:
        stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)

        def call() -> None:
            began = time.perf_counter()
            stub.ModelInfer(request)
            while clock.note(began):
                began = time.perf_counter()
                stub.ModelInfer(request)

        threads = [threading.Thread(target=call) for _ in range(IN_FLIGHT)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


async def call_with_asyncio(
    address: str, request: protocol.ModelInferRequest, clock: Clock
) -> None:
    """Each of the tasks waits for its own call."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)

        async def call() -> None:
            began = time.perf_counter()
            await stub.ModelInfer(request)
            while clock.note(began):
                began = time.perf_counter()
                await stub.ModelInfer(request)

        await asyncio.gather(*(call() for _ in range(IN_FLIGHT)))


if __name__ == "__main__":
    main()
