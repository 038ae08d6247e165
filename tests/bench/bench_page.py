"""From glass to page: what a viewer waits for the picture of what happens, and what a page costs.

    python -m tests.bench.bench_page                # until an HTTP client has the JPEG
    python -m tests.bench.bench_page --chromium     # until Chromium shows it
    python -m tests.bench.bench_page --memory       # what the page adds to `lintel serve`

A camera of 1280x720 gives 15 frames a second with one face each (the clip of bench_pipeline, which
needs LINTEL_DATA). A viewer in a process of its own compares the time when each frame was captured,
which comes with it, with the time when all of it has arrived. The pipeline's own share, from
capture to JPEG, is measured in the same run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
from tests.bench.bench_door import SETTINGS, write_clip
from tests.bench.bench_pipeline import MemoryCamera, read_pictures, settings_for, thread_times
from tests.bench.support import DeviceProcess, run_device
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.page_viewers import asking, read_parts

from lintel.edge.cameras import WatchedCamera
from lintel.edge.forecasts import Forecasts
from lintel.edge.page import Page, Sources
from lintel.edge.pipeline import DoorPipeline
from lintel.edge.runtime import Runtime
from lintel.edge.service.memory import limit_library_threads, tune_allocator
from lintel.v1 import series_pb2, series_pb2_grpc

INTERVAL_NS = 66_666_667
TARGETS_MS = (60.0, 150.0)
ADDRESS = "127.0.0.1:18089"


class Device(NamedTuple):
    """A device with a page.

    Attributes:
        page: The page.
        door: Its cameras.
    """

    page: Page
    door: DoorPipeline


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--model", default="", help="face model; default: as a device has it")
    parser.add_argument("--chromium", action="store_true", help="measure until Chromium shows it")
    parser.add_argument("--memory", action="store_true", help="measure resident memory")
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.frames / 15)
        return
    limit_library_threads()
    tune_allocator()
    print(
        f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} before this began;"
        f" {options.frames} frames of 1280x720 at 15 a second\n"
    )
    print(f"{'camera':8}{'until':20}{'median':>9}{'p99':>8}   milliseconds from capture")
    if options.chromium:
        measure_drawing(options.model, options.frames)
        return
    for name, kind in (("NV12", "nv12"), ("JPEG", "jpeg")):
        measure_arrival(name, kind, options.model, options.frames)


def measure_arrival(name: str, kind: str, model: str, frames: int) -> None:
    """Prints what a viewer waits for, and what the device's threads take, with it and without."""
    pictures = read_pictures(kind)
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as viewer,
        running(pictures, kind, model) as (page, door),
    ):
        unwatched = cpu_while(lambda: time.sleep(frames / 30), frames / 2)
        watching = viewer.submit(watch, page.url, frames)
        in_pipeline: list[float] = []

        def follow() -> None:
            with door.cameras["door"].follow(with_pictures=True) as following:
                while not watching.done():
                    if (result := following.get(1)) is not None:
                        in_pipeline.append(result.times.latency_ns / 1e6)

        watched = cpu_while(follow, frames)
        arrived = watching.result()[frames // 10 :]
    tell(name, "JPEG made", in_pipeline[frames // 10 :])
    tell(name, "JPEG with the viewer", arrived, TARGETS_MS)
    print(f"{'':8}processor time a frame: {watched['page']:.2f} ms of the page's thread,")
    total, before = sum(watched.values()), sum(unwatched.values())
    print(f"{'':8}{total:.1f} ms of all, {before:.1f} before anybody watched\n")


def measure_drawing(model: str, frames: int) -> None:
    """Prints when the kiosk's view has drawn a frame, in Chromium."""
    from playwright.sync_api import sync_playwright

    with (
        running(read_pictures("nv12"), "nv12", model) as (page, _),
        sync_playwright() as playwright,
    ):
        chromium = find_chromium()
        if chromium is None:
            raise SystemExit("There is no Chromium: apt-get install chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        window = browser.new_page(viewport={"width": 1920, "height": 1080})
        window.goto(page.url)
        window.locator("#picture[data-captured-us]").wait_for()
        window.evaluate(WATCHING)
        window.wait_for_timeout(frames * 1000 / 15)
        waited = window.evaluate("() => window.waited")
        browser.close()
    tell("NV12", "Chromium shows it", waited[len(waited) // 10 :])
    print(f"{'':8}{len(waited)} frames were shown")


def measure_memory(seconds: float) -> None:
    """Prints the resident memory of a device without a page, and with one that is watched."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        write_clip(folder / "clip.avi")
        settings = SETTINGS.format(source=folder / "clip.avi", folder=folder)
        for page in (False, True):
            with run_device(folder, settings + PAGE[page]) as device:
                record_history(device)
                memory = watch_memory(device, seconds, page=page)
            what = "page watched, day forecast" if page else "no page"
            print(f"{what:28}{np.median(memory):7.1f} MB in the middle, {memory.max():.1f} at most")


PAGE = {False: '\n[page]\naddress = ""\n', True: f'\n[page]\naddress = "{ADDRESS}"\n'}


def record_history(device: DeviceProcess) -> None:
    """Records eight days of counts."""
    hour = int(time.time()) // 3600
    counts = [
        series_pb2.Count(
            series="door.sill.entered",
            timestamp_us=(hour - back) * 3_600_000_000,
            value=back * 7 % 24,
        )
        for back in range(1, 24 * 8)
    ]
    with grpc.insecure_channel(device.unix) as channel:
        stub = series_pb2_grpc.SeriesServiceStub(channel)
        stub.RecordCounts(series_pb2.RecordCountsRequest(counts=counts))


def watch_memory(device: DeviceProcess, seconds: float, *, page: bool) -> np.ndarray:
    """Watches a device as a kiosk does, or not; returns its memory by second, from a fifth on."""
    is_over = threading.Event()

    def view(path: str) -> None:
        with asking(f"http://{ADDRESS}/", path) as answer:
            while not is_over.is_set() and answer.readline():
                continue

    viewers = [threading.Thread(target=view, args=[path]) for path in ("/news", "/pictures/door")]
    for viewer in viewers if page else ():
        viewer.start()
    memory: list[float] = []
    for _ in range(round(seconds)):
        time.sleep(1)
        memory.append(device.resident_mb())
    is_over.set()
    for viewer in viewers if page else ():
        viewer.join()
    return np.array(memory[len(memory) // 5 :])


# What was drawn is shown with the frame of the screen that is about to be made.
WATCHING = """() => {
  window.waited = [];
  const canvas = document.querySelector('#picture');
  let last = canvas.dataset.capturedUs;
  const look = () => {
    const captured_us = canvas.dataset.capturedUs;
    if (captured_us !== last) {
      window.waited.push(performance.timeOrigin + performance.now() - captured_us / 1000);
      last = captured_us;
    }
    requestAnimationFrame(look);
  };
  look();
}"""


@contextmanager
def running(pictures: list[Any], kind: str, model: str) -> Iterator[Device]:
    """Runs a device's camera and its page."""

    def open_camera(_: object) -> MemoryCamera:
        return MemoryCamera(pictures, kind, INTERVAL_NS, threading.Event())

    with tempfile.TemporaryDirectory() as folder:
        settings = settings_for(Path(folder), model or "face", 0, "real-time")
        runtime = Runtime(settings, 2)
        runtime.warm_up()
        door = DoorPipeline(
            settings, runtime, None, open_source=lambda camera: WatchedCamera(camera, open_camera)
        )
        sources = Sources(door, runtime, None, Forecasts(settings, runtime, None))
        page = Page(settings, sources, lambda token: None)
        door.start()
        page.start()
        try:
            yield Device(page, door)
        finally:
            page.stop()
            door.stop()
            runtime.close()


def watch(url: str, frames: int) -> list[float]:
    """Watches a camera; returns the milliseconds from each capture to its arrival."""
    with asking(url, "/pictures/door") as answer:
        return [
            time.time_ns() / 1e6 - part.timestamp_us / 1e3
            for part in islice(read_parts(answer), frames)
        ]


def cpu_while(act: Any, frames: float) -> dict[str, float]:
    """Returns the milliseconds of processor time a frame, by thread, while something is done."""
    before = thread_times()
    act()
    after = thread_times()
    spent = {name: 1e3 * (after[name] - before.get(name, 0.0)) / frames for name in after}
    spent.pop("MainThread", None)
    return spent


def tell(
    camera: str, until: str, waited_ms: list[float], targets: tuple[float, float] | None = None
) -> None:
    median, late = np.percentile(waited_ms, [50, 99])
    wanted = f"   target <= {targets[0]:.0f} / {targets[1]:.0f}" if targets else ""
    print(f"{camera:8}{until:20}{median:9.1f}{late:8.1f}{wanted}")


if __name__ == "__main__":
    main()
