"""Blur over gRPC against the same work in process, on the same cores.

In process, as many threads as there are cores blur JPEGs with the device's own workbench. Over
gRPC, a device in a process of its own does it for a client in another, with 4 pictures in
flight: in unary calls, and streamed without loss. All take turns in one run; a ratio is
the median over rounds of pictures a second by those of the in-process turn of the same round.
Besides the default model the table has "whole frame", which looks for no faces: with so little
work in a picture the share of the service is the largest that it can be.
Run: python -m tests.bench.bench_service [--rounds N] [--seconds S] [--size WIDTHxHEIGHT]
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tests.bench.support import SIZES, camera_pictures, run_device

from lintel.edge.config import Settings
from lintel.edge.runtime import Runtime
from lintel.edge.workbench import CoverOptions, DetectionOptions, EncodedImage, Workbench
from lintel.v1 import face_pb2, face_pb2_grpc, image_pb2, video_pb2, video_pb2_grpc

UNARY_TARGET, STREAM_TARGET, TAIL_TARGET = 0.85, 0.92, 2.5
IN_FLIGHT = 4
WARM_UP_S = 0.5
OPTIONS = [("grpc.max_receive_message_length", 64 << 20)]


def main() -> None:
    """Prints a table for each size of picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--size", help="WIDTHxHEIGHT; without it all three")
    options = parser.parse_args()
    sizes = [tuple(map(int, options.size.split("x")))] if options.size else SIZES
    for width, height in sizes:
        pictures = camera_pictures(width, height)
        print(f"{width}x{height}, {os.cpu_count()} cores", flush=True)
        print(f"{'':36}{'pictures/s':>11}{'ratio':>7}{'least':>7}{'most':>7}", end="")
        print(f"{'p50 ms':>8}{'p99 ms':>8}{'p99/p50':>8}")
        for whole_frame in (False, True):
            compare(pictures, whole_frame, options.rounds, options.seconds)


def compare(pictures: list[bytes], whole_frame: bool, rounds: int, seconds: float) -> None:
    """Measures the three ways in turn and prints a row for each."""
    context = multiprocessing.get_context("spawn")
    name = "whole frame" if whole_frame else "default model"
    ways = {
        f"unary, {IN_FLIGHT} in flight": unary,
        f"streamed, {IN_FLIGHT} in flight": streamed,
    }
    reference: list[float] = []
    ratios: dict[str, list[float]] = {way: [] for way in ways}
    latencies: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder, run_device(Path(folder)) as device:
        for _ in range(rounds):
            reference.append(
                in_a_process(context, partial(in_process, pictures, whole_frame, seconds))[0]
            )
            for way, measure in ways.items():
                rate, times = in_a_process(
                    context, partial(measure, device.unix, pictures, whole_frame, seconds)
                )
                ratios[way].append(rate / reference[-1])
                latencies[way] += times
    print(f"{name + ', in process':36}{statistics.median(reference):11.1f}")
    for way in ways:
        ratio = statistics.median(ratios[way])
        p50, p99 = np.percentile(latencies[way], [50, 99]) * 1000
        rate = ratio * statistics.median(reference)
        print(f"{name + ', ' + way:36}{rate:11.1f}{ratio:7.2f}", end="")
        print(f"{min(ratios[way]):7.2f}{max(ratios[way]):7.2f}{p50:8.1f}{p99:8.1f}{p99 / p50:8.2f}")


def in_a_process(context: Any, measure: Callable[[], tuple[float, list[float]]]) -> Any:
    """Runs a measurement in a process of its own, so that none shares an interpreter."""
    with context.Pool(1) as pool:
        return pool.apply(measure)


def in_process(
    pictures: list[bytes], whole_frame: bool, seconds: float
) -> tuple[float, list[float]]:
    """Blurs on as many threads as there are cores, and returns pictures a second."""
    threads = len(os.sched_getaffinity(0))
    settings = Settings()
    runtime = Runtime(settings, threads)
    runtime.warm_up()
    workbench = Workbench(runtime, settings)
    images = itertools.cycle([EncodedImage(picture) for picture in pictures])
    cover = CoverOptions(whole_frame=whole_frame)
    clock = Clock(seconds)

    def work(_: int) -> None:
        began = time.perf_counter()
        while clock.note(began):
            began = time.perf_counter()
            workbench.blur(next(images), DetectionOptions(), cover)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    runtime.close()
    return clock.rate, clock.times


def unary(
    address: str, pictures: list[bytes], whole_frame: bool, seconds: float
) -> tuple[float, list[float]]:
    """Keeps calls of one picture in flight."""
    requests = itertools.cycle(
        [
            face_pb2.BlurFacesRequest(
                images=[image_pb2.Image(encoded=picture)],
                blur=face_pb2.BlurOptions(whole_frame=whole_frame),
            )
            for picture in pictures
        ]
    )
    clock = Clock(seconds)
    with grpc.insecure_channel(address, OPTIONS) as channel:
        stub = face_pb2_grpc.FaceServiceStub(channel)

        def work(_: int) -> None:
            began = time.perf_counter()
            while clock.note(began):
                began = time.perf_counter()
                result = stub.BlurFaces(next(requests)).results[0]
                assert result.HasField("blurred"), result.error

        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            list(pool.map(work, range(IN_FLIGHT)))
    return clock.rate, clock.times


def streamed(
    address: str, pictures: list[bytes], whole_frame: bool, seconds: float
) -> tuple[float, list[float]]:
    """Keeps frames of one stream in flight."""
    config = video_pb2.VideoConfig(
        tasks=[video_pb2.VIDEO_TASK_BLUR_FACES],
        drop_policy=video_pb2.DROP_POLICY_LOSSLESS,
        blur=face_pb2.BlurOptions(whole_frame=whole_frame),
    )
    images = itertools.cycle([image_pb2.Image(encoded=picture) for picture in pictures])
    window = threading.Semaphore(IN_FLIGHT)
    clock = Clock(seconds)
    sent: dict[int, float] = {}

    def requests() -> Iterator[video_pb2.ProcessVideoRequest]:
        yield video_pb2.ProcessVideoRequest(config=config)
        for number in itertools.count():
            window.acquire()
            if time.perf_counter() >= clock.end:
                return
            sent[number] = time.perf_counter()
            yield video_pb2.ProcessVideoRequest(
                frame=video_pb2.VideoFrame(sequence_number=number, image=next(images))
            )

    with grpc.insecure_channel(address, OPTIONS) as channel:
        stub = video_pb2_grpc.VideoServiceStub(channel)
        for reply in stub.ProcessVideo(requests()):
            assert reply.HasField("result"), reply.error
            clock.note(sent.pop(reply.sequence_number))
            window.release()
    return clock.rate, clock.times


class Clock:
    """Notes what ends within the time that counts; the first moments do not."""

    def __init__(self, seconds: float) -> None:
        self.begin = time.perf_counter() + WARM_UP_S
        self.end = self.begin + seconds
        self.seconds = seconds
        self.times: list[float] = []

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return len(self.times) / self.seconds

    def note(self, began: float) -> bool:
        """Notes a picture that is done; returns whether there is time for another."""
        now = time.perf_counter()
        if self.begin <= now < self.end and began >= self.begin - WARM_UP_S:
            self.times.append(now - began)
        return now < self.end


if __name__ == "__main__":
    main()
