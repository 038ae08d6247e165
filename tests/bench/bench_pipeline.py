"""One camera of 1280x720 through everything: found, followed, masks read, blurred, JPEG out.

The picture is a clip of LINTEL_DATA/video cut to one face and scaled up, kept in memory as the
camera would deliver it: NV12 with a small copy (a Raspberry Pi), blue-green-red (GStreamer), or
JPEG (USB), which is then decoded. Masks are judged by the network of 160,000 parameters that other
benchmarks use, unless the device has a mask model.

`speed`: as fast as possible. Frames a second as they were, processor milliseconds a frame by
thread, and what follows from them for two cores that nobody else uses: the slowest thread and half
of the sum both bound it. `latency`: 15 frames a second, capture to JPEG. `endurance`: the same for
many frames with the camera cut every so often: memory, descriptors, threads, and how soon each cut
was recovered from.

    python -m tests.bench.bench_pipeline speed [--frames N] [--rounds N]
    python -m tests.bench.bench_pipeline latency [--frames N]
    python -m tests.bench.bench_pipeline endurance [--frames N] [--cut-every SECONDS]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray
from tests.bench.support import data_folder
from tests.builders import build_tflite, camera_network
from tests.mask_packages import write_mask_package

from lintel.edge.cameras import (
    CameraFailedError,
    Fault,
    Frame,
    RawPixels,
    WatchedCamera,
)
from lintel.edge.cameras.camera import Pace
from lintel.edge.config import Settings, parse
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.images import ImageFormat, PixelFormat, decode, encode, to_raw
from lintel.edge.packages import builtin_packages
from lintel.edge.pipeline import DoorPipeline, Stage
from lintel.edge.runtime import Runtime
from lintel.edge.service.memory import limit_library_threads, tune_allocator

WIDTH, HEIGHT = 1280, 720
CLIP, CUT_OUT = "face-demographics-walking.preview.mp4", (294, 50, 480, 155)
"""The clip, and the part of it (left, top, right, bottom) that holds one face."""
TARGET_HZ = 120.0
SETTINGS = {"NV12": "nv12", "BGR": "bgr", "JPEG": "jpeg"}
Pixels = NDArray[np.uint8]


class MemoryCamera:
    """An open camera that gives pictures from memory, over and over, and is cut when told to."""

    is_recording = True
    description = "memory"

    def __init__(self, pictures: list[Any], kind: str, interval_ns: int, cut: threading.Event):
        self._pictures = pictures
        self._kind = kind
        self._interval_ns = interval_ns
        self._cut = cut
        self._index = 0
        self._pace = Pace(real_time=interval_ns > 0)

    def read(self) -> Frame:
        if self._cut.is_set():
            self._cut.clear()
            raise CameraFailedError(Fault.CUT)
        # To and fro, so that nobody jumps.
        count = len(self._pictures)
        place = self._index % (2 * count - 2)
        picture = self._pictures[min(place, 2 * count - 2 - place)]
        timeline_ns = self._index * 66_666_667
        self._index += 1
        self._pace.wait(self._index * self._interval_ns, time.monotonic_ns())
        captured_ns = time.monotonic_ns()
        frame = self._frame(picture, captured_ns)
        return replace(frame, timeline_ns=timeline_ns)

    def _frame(self, picture: Any, captured_ns: int) -> Frame:
        if self._kind == "jpeg":
            pixels = decode(picture).pixels.view(np.uint8)
            return Frame.captured(RawPixels.of_pixels(pixels), None, captured_ns)
        if self._kind == "bgr":
            return Frame.captured(RawPixels.of_pixels(picture.copy()), None, captured_ns)
        data, small = picture
        full = RawPixels(data, PixelFormat.NV12, WIDTH, HEIGHT)
        return Frame.captured(full, RawPixels.of_pixels(small), captured_ns)

    def interrupt(self) -> None:
        self._pace.interrupt()

    def close(self) -> None:
        """There is nothing to give back."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["speed", "latency", "endurance"])
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cut-every", type=float, default=60.0)
    options = parser.parse_args()
    limit_library_threads()
    tune_allocator()
    load = os.getloadavg()[0]
    print(f"{len(os.sched_getaffinity(0))} cores, load {load:.1f} before this began")
    with tempfile.TemporaryDirectory() as folder:
        if options.part == "speed":
            measure_speed(Path(folder), options.frames or 600, options.rounds)
        elif options.part == "latency":
            measure_latency(Path(folder), options.frames or 600)
        else:
            measure_endurance(Path(folder), options.frames or 20_000, options.cut_every)


def read_pictures(kind: str) -> list[Any]:
    """Returns the frames of the clip, one face in each, as a camera of the kind gives them."""
    reader = cv2.VideoCapture(str(data_folder() / "video" / CLIP))
    left, top, right, bottom = CUT_OUT
    pictures: list[Any] = []
    while (answer := reader.read())[0]:
        part = answer[1][top:bottom, left:right]
        pixels = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).view(np.uint8)
        if kind == "jpeg":
            pictures.append(encode(pixels, ImageFormat.JPEG))
        elif kind == "bgr":
            pictures.append(pixels)
        else:
            data = np.frombuffer(to_raw(pixels, PixelFormat.NV12), np.uint8)
            small = cv2.resize(pixels, (640, 360), interpolation=cv2.INTER_AREA).view(np.uint8)
            pictures.append((data.reshape(-1, WIDTH), small))
    return pictures


def few_pictures() -> list[Any]:
    return read_pictures("nv12")[::6]


def settings_for(folder: Path, model: str, every: int, replay: str) -> Settings:
    """Returns settings of one camera, with a mask model of the usual size where there is none."""
    models = folder / "models"
    if "mask" not in {path.name for path in builtin_packages()} and not models.exists():
        network = camera_network()
        write_mask_package(models, network=network, model=build_tflite(network))
    return parse(
        {
            "cameras": [
                {"name": "door", "replay": replay, "reopen_longest_s": 2.0, "lines": [LINE]}
            ],
            "faces": {"model": model},
            "models": {"directory": str(models) if models.exists() else ""},
            "pipeline": {
                "detect_every": every,
                "events_path": str(folder / "events.jsonl"),
                # Few, so that memory does not seem to grow while they gather.
                "max_events": 100,
            },
            "series": {"path": str(folder / "series.db")},
        }
    )


LINE = {"name": "sill", "start": [0.5, 0.0], "end": [0.5, 1.0], "inside": [0.9, 0.5]}


@contextmanager
def running(
    settings: Settings, pictures: list[Any], kind: str, interval_ns: int, cut: threading.Event
) -> Iterator[DoorPipeline]:
    """Runs a device's cameras."""

    def open_source(camera: CameraSettings) -> WatchedCamera:
        return WatchedCamera(camera, lambda _: MemoryCamera(pictures, kind, interval_ns, cut))

    runtime = Runtime(settings, 2)
    runtime.warm_up()
    door = DoorPipeline(settings, runtime, None, open_source=open_source)
    door.start()
    try:
        yield door
    finally:
        door.stop()
        runtime.close()


def measure_speed(folder: Path, frames: int, rounds: int) -> None:
    """Prints frames a second and processor time by thread, of several ways to look."""
    print(f"{frames} frames of {WIDTH}x{HEIGHT}, median of {rounds} rounds; milliseconds of")
    print("processor time a frame by thread, and the frames a second that two free cores allow\n")
    ways = [("face", 1), ("face", 2), ("face-320", 1)]
    header = (
        f"{'camera':6}{'model':>10}{'n':>3}{'reading':>9}{'looking':>9}{'showing':>9}{'sum':>7}"
    )
    print(f"{header}{'allows':>9}{'was':>7}{'faces':>7}   target >= {TARGET_HZ:.0f}")
    for name, kind in SETTINGS.items():
        pictures = read_pictures(kind)
        for model, every in ways:
            settings = settings_for(folder, model, every, "fastest")
            taken = [run_once(settings, pictures, kind, frames) for _ in range(rounds)]
            reading, looking, showing, total, rate, faces = np.median(np.array(taken), axis=0)
            allows = min(1e3 / max(reading, looking, showing), 2e3 / total)
            print(
                f"{name:6}{model:>10}{every:3}{reading:9.2f}{looking:9.2f}{showing:9.2f}"
                f"{total:7.2f}{allows:9.0f}{rate:7.0f}{faces:7.2f}"
            )


def run_once(settings: Settings, pictures: list[Any], kind: str, frames: int) -> list[float]:
    """Returns milliseconds a frame by thread, their sum, frames a second, and faces a frame."""
    with running(settings, pictures, kind, 0, threading.Event()) as door:
        pipeline = door.cameras["door"]
        wait_for(lambda: pipeline.latest is not None)
        following = pipeline.follow(with_pictures=True)
        first = pipeline.latest
        assert first is not None
        before, began = thread_times(), time.perf_counter()
        faces: list[int] = []
        newest = first
        while newest.sequence_number < first.sequence_number + frames:
            result = following.get(60)
            assert result is not None
            newest = result
            faces.append(len(result.faces))
        elapsed_s = time.perf_counter() - began
        after = thread_times()
        count = newest.sequence_number - first.sequence_number
        spent = {name: 1e3 * (after[name] - before.get(name, 0.0)) / count for name in after}
        following.close()
    reading = spent.get("camera-door-reading", 0.0) + spent.get("door-intake", 0.0)
    looking, showing = spent["door-looking"], spent["door-showing"]
    total = sum(spent.values()) - spent.get("MainThread", 0.0)
    return [reading, looking, showing, total, count / elapsed_s, statistics.mean(faces)]


def thread_times() -> dict[str, float]:
    """Returns processor seconds by the name of the thread; those of one name together."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    times: dict[str, float] = defaultdict(float)
    for thread in psutil.Process().threads():
        times[names.get(thread.id, "libraries")] += thread.user_time + thread.system_time
    return times


def measure_latency(folder: Path, frames: int) -> None:
    """Prints milliseconds from capture to JPEG at 15 frames a second."""
    print(f"{frames} frames of {WIDTH}x{HEIGHT} at 15 a second, capture to JPEG\n")
    print(f"{'camera':6}{'model':>10}{'median':>9}{'p99':>8}{'n':>4}{'dropped':>9}   milliseconds")
    for name, kind in SETTINGS.items():
        pictures = read_pictures(kind)
        for model in ("face", "face-320"):
            settings = settings_for(folder, model, 0, "real-time")
            with running(settings, pictures, kind, 66_666_667, threading.Event()) as door:
                pipeline = door.cameras["door"]
                taken = [result for _, result in zip(range(frames), results(door), strict=False)]
                status = pipeline.status()
            latencies = [result.times.latency_ns / 1e6 for result in taken[frames // 10 :]]
            median, late = np.percentile(latencies, [50, 99])
            print(
                f"{name:6}{model:>10}{median:9.1f}{late:8.1f}{status.detect_every:4}"
                f"{status.dropped:9}"
            )
            stages = {
                stage: statistics.median(
                    result.times.stages_ns.get(stage, 0) / 1e6 for result in taken
                )
                for stage in Stage
            }
            print("      " + "  ".join(f"{stage} {spent:.1f}" for stage, spent in stages.items()))


def results(door: DoorPipeline) -> Iterator[Any]:
    with door.cameras["door"].follow(with_pictures=True) as following:
        while (result := following.get(60)) is not None:
            yield result


def measure_endurance(folder: Path, frames: int, cut_every_s: float) -> None:
    """Prints how memory and descriptors grow, and how soon cuts are recovered from."""
    settings = settings_for(folder, "face-320", 1, "fastest")
    process, cut = psutil.Process(), threading.Event()
    samples: list[tuple[float, float, int, int]] = []
    recoveries: list[float] = []
    cuts, cut_ns, reopenings = 0, 0, 0
    # In a process of its own: what reading takes must not count.
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        pictures = other.submit(few_pictures).result()
    with running(settings, pictures, "nv12", 0, cut) as door:
        pipeline = door.cameras["door"]
        following = pipeline.follow(with_pictures=True)
        next_cut_s = time.monotonic() + cut_every_s
        began_s, seen = time.monotonic(), 0
        while seen < frames:
            result = following.get(30)
            assert result is not None, "no frame came for 30 seconds"
            seen = result.sequence_number
            if cut_ns and not cut.is_set() and pipeline.status().camera.reopenings > reopenings:
                # Frames from before the cut may still be on their way.
                if result.captured_ns > cut_ns:
                    recoveries.append((time.monotonic_ns() - cut_ns) / 1e9)
                    cut_ns = 0
            elif not cut_ns and time.monotonic() >= next_cut_s:
                reopenings = pipeline.status().camera.reopenings
                cuts, cut_ns = cuts + 1, time.monotonic_ns()
                next_cut_s = time.monotonic() + cut_every_s
                cut.set()
            if seen >= len(samples) * frames // 200:
                rss_mb = process.memory_info().rss / 1e6
                samples.append((seen, rss_mb, process.num_fds(), process.num_threads()))
        elapsed_s = time.monotonic() - began_s
        following.close()
        covered = pipeline.status().covered_whole
    print(f"{seen} frames in {elapsed_s:.0f} s, {cuts} cuts; covered whole: {covered or 'none'}")
    print_growth(np.array(samples))
    if recoveries:
        print(f"recovered {len(recoveries)} times, within {max(recoveries):.2f} s at most")


def print_growth(samples: NDArray[np.float64]) -> None:
    """Prints the slope of memory, after the first tenth, with its interval, and the rest."""
    steady = samples[len(samples) // 10 :]
    frames, memory = steady[:, 0] / 1e5, steady[:, 1]
    slopes = block_slopes(frames, memory)
    print(
        f"memory {memory[0]:.1f} MB after a tenth, {memory[-1]:.1f} at the end, "
        f"{samples[:, 1].max():.1f} at most"
    )
    print(
        f"slope {np.polyfit(frames, memory, 1)[0]:+.2f} MB in 100,000 frames, "
        f"95 % within {slopes[0]:+.2f} to {slopes[1]:+.2f}"
    )
    for name, column in (("descriptors", 2), ("threads", 3)):
        print(
            f"{name} {steady[0, column]:.0f} to {steady[-1, column]:.0f}, "
            f"{steady[:, column].max():.0f} at most"
        )


def block_slopes(frames: NDArray[np.float64], memory: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns an interval of the slope by resampling blocks of ten: samples hang together."""
    rng, blocks = np.random.default_rng(0), max(len(frames) // 10, 2)
    parts = np.array_split(np.arange(len(frames)), blocks)
    line = np.polyfit(frames, memory, 1)
    residuals = memory - np.polyval(line, frames)
    slopes = []
    for _ in range(1000):
        drawn = np.concatenate([residuals[parts[i]] for i in rng.integers(0, blocks, blocks)])
        drawn = np.resize(drawn, len(frames))
        slopes.append(np.polyfit(frames, np.polyval(line, frames) + drawn, 1)[0])
    return np.asarray(np.percentile(slopes, [2.5, 97.5]))


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


if __name__ == "__main__":
    main()
