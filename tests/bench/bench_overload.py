"""Ten times the load that the device can carry: what the accepted and the refused see.

A client with open-loop arrivals (calls are sent on a schedule, whatever the answers) first
measures one call at a time, then what the device can carry, then sends ten times as much of it.
The device is watched for memory. Blurs of 1280x720, with the default model, and of whole frames
without looking: there ten times the load is so many bytes that client and server alone fill both
cores, and what is measured is mostly their struggle for them.
With --apart the device has one half of the cores and the callers have the other, as where callers
are machines of their own.
Run: python -m tests.bench.bench_overload [--apart] [--seconds S]
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tests.bench.support import DeviceProcess, camera_pictures, run_device

from lintel.v1 import face_pb2, image_pb2

METHOD = "/lintel.v1.FaceService/BlurFaces"
OVERLOAD = 10
TAIL_TARGET, REFUSAL_TARGET_MS = 3.0, 20.0


class Load:
    """Sends calls and notes how each ended and how long it took."""

    def __init__(self, device: DeviceProcess, requests: list[bytes]) -> None:
        # Bytes are sent and received as they are: the client should cost as little as it can.
        options = [("grpc.max_receive_message_length", 64 << 20)]
        self.channel = grpc.insecure_channel(device.unix, options)
        self.call = self.channel.unary_unary(
            METHOD, request_serializer=None, response_deserializer=None
        )
        self.requests = itertools.cycle(requests)
        self.times_ms: dict[grpc.StatusCode, list[float]] = {}
        self.open = 0
        self.lock = threading.Lock()

    def one_at_a_time(self, seconds: float) -> list[float]:
        """Returns the milliseconds of calls made one after the other."""
        times = []
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            self.call(next(self.requests))
            times.append((time.perf_counter() - began) * 1000)
        return times

    def capacity(self, seconds: float, in_flight: int = 4) -> float:
        """Returns the calls a second with a few in flight."""

        def work(_: int) -> int:
            return len(self.one_at_a_time(seconds))

        with ThreadPoolExecutor(in_flight) as threads:
            return sum(threads.map(work, range(in_flight))) / seconds

    def on_schedule(self, rate: float, seconds: float) -> None:
        """Sends calls at a rate, whatever the answers, and waits for the last."""
        start = time.perf_counter()
        for number in range(int(rate * seconds)):
            wait = start + number / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            with self.lock:
                self.open += 1
            began = time.perf_counter()
            sent = self.call.future(next(self.requests), timeout=30)
            sent.add_done_callback(partial(self.note, began))
        while self.open:
            time.sleep(0.01)

    def note(self, began: float, done: Any) -> None:
        """Notes the end of a call."""
        taken = (time.perf_counter() - began) * 1000
        with self.lock:
            self.times_ms.setdefault(done.code(), []).append(taken)
            self.open -= 1


def main() -> None:
    """Prints what happened to blurs with the default model, and to those of whole frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--apart", action="store_true", help="callers have cores of their own")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    if options.apart and half == 0:
        parser.error("--apart needs two cores or more.")
    pictures = camera_pictures(1280, 720)
    for title, whole_frame in (("default model", False), ("whole frame", True)):
        requests = [
            face_pb2.BlurFacesRequest(
                images=[image_pb2.Image(encoded=picture)],
                blur=face_pb2.BlurOptions(whole_frame=whole_frame),
            ).SerializeToString()
            for picture in pictures
        ]
        # A process has the cores of the one that starts it.
        os.sched_setaffinity(0, cores[:half] if options.apart else cores)
        with tempfile.TemporaryDirectory() as folder, run_device(Path(folder)) as device:
            os.sched_setaffinity(0, cores[half:] if options.apart else cores)
            print(f"{title}:")
            overload(device, requests, options.seconds)


def overload(device: DeviceProcess, requests: list[bytes], seconds: float) -> None:
    """Measures a device alone, at its limit and beyond, and prints what it saw."""
    load = Load(device, requests)
    load.one_at_a_time(2)
    alone = np.percentile(load.one_at_a_time(4), [50, 99])
    capacity = load.capacity(4)
    before_mb = device.resident_mb()
    rate = OVERLOAD * capacity
    load.on_schedule(rate, seconds)
    after_mb = device.resident_mb()
    still = np.percentile(load.one_at_a_time(4), [50, 99])
    counts = Counter({code.name: len(times) for code, times in load.times_ms.items()})
    accepted = np.percentile(load.times_ms[grpc.StatusCode.OK], [50, 99])
    refused = np.percentile(load.times_ms[grpc.StatusCode.RESOURCE_EXHAUSTED], [50, 99])
    print(f"  one at a time: p50 {alone[0]:.1f} ms, p99 {alone[1]:.1f} ms", end="; ")
    print(f"carries {capacity:.0f}/s")
    print(f"  sent {rate:.0f}/s for {seconds:.0f} s: {dict(counts)}")
    print(f"  accepted: p50 {accepted[0]:.1f} ms, p99 {accepted[1]:.1f} ms", end=", ")
    print(f"{accepted[1] / alone[1]:.1f} x the p99 one at a time (target {TAIL_TARGET:.1f})")
    print(f"  refused: p50 {refused[0]:.1f} ms, p99 {refused[1]:.1f} ms", end=" ")
    print(f"(target {REFUSAL_TARGET_MS:.0f} ms)")
    print(f"  memory: {before_mb:.1f} MB before, {after_mb:.1f} MB after")
    print(f"  afterwards one at a time: p50 {still[0]:.1f} ms, p99 {still[1]:.1f} ms")


if __name__ == "__main__":
    main()
