"""Cameras at 1280x720: processor time a frame, recovery after cuts, and what 50 cuts leave behind.

Processor time is that of this process, all threads, with what sends the frames in processes of its
own; the reference is decoding the same pictures with simplejpeg and no more. Recovery is the time
from a cut to the next frame taken, at the default settings. Last, what a child process for each
camera would cost, which is the other way to be rid of a reading that hangs.
Run: python -m tests.bench.bench_cameras [--frames N] [--cuts N]
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import simplejpeg
from tests.bench.support import camera_pictures
from tests.camera_servers import MotionJpegServer, RtspServer, rtsp_is_missing, rtsp_server

from lintel.edge.cameras import CameraState, WatchedCamera, open_camera
from lintel.edge.cameras.video import video_library
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.images import decode

SIZE = (1280, 720)
RATE_HZ = 15
WARM_UP = 10
PATIENCE_S = 60.0


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--cuts", type=int, default=50)
    options = parser.parse_args()
    # Before OpenCV's writer sets FFmpeg up for itself.
    video_library().setNumThreads(1)
    pictures = camera_pictures(*SIZE)
    with tempfile.TemporaryDirectory() as folder:
        print_costs(pictures, Path(folder), options.frames)
    print_recovery(pictures, options.cuts)
    print_child(pictures)


def print_costs(pictures: list[bytes], folder: Path, frames: int) -> None:
    """Prints processor time a frame, by source."""
    decoding = [
        _processor_ms(functools.partial(simplejpeg.decode_jpeg, data, "BGR")) for data in pictures
    ]
    reference = statistics.median(decoding)
    print(
        f"processor ms a frame at {SIZE[0]}x{SIZE[1]}, {frames} frames; reference {reference:.2f}"
    )
    for name, source, others in _sources(pictures, folder):
        settings = CameraSettings(
            name="bench", source=source, width=SIZE[0], height=SIZE[1], **others
        )
        cost = _cost_ms(settings, frames)
        print(f"  {name:34}{cost:6.2f}  {cost / reference:5.2f} of the reference")


def _sources(pictures: list[bytes], folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    fastest = {"replay": "fastest"}
    yield "synthetic, with a small copy", "synthetic", fastest
    yield "synthetic", "synthetic", {**fastest, "small_width": 0}
    clip = str(folder / "clip.avi")
    writer = cv2.VideoWriter(clip, cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, SIZE)
    for index, data in enumerate(pictures):
        writer.write(decode(data).pixels)
        (folder / f"{index}.jpg").write_bytes(data)
    writer.release()
    yield "clip of motion JPEG", clip, fastest
    Path(clip).rename(folder / "clip")
    yield "folder of JPEG", str(folder), fastest
    with motion_jpeg_process(pictures) as (url, _):
        yield "motion JPEG over HTTP", url, {}
    if missing := rtsp_is_missing():
        print(f"  RTSP is left out: {missing}")
        return
    with rtsp_server(size=SIZE, rate_hz=RATE_HZ) as server:
        yield "RTSP by FFmpeg, test picture", server.url, {}
        yield "RTSP by GStreamer, test picture", server.url, {"decoding": "hardware"}


def _cost_ms(settings: CameraSettings, frames: int) -> float:
    camera = open_camera(settings)
    try:
        for _ in range(WARM_UP):
            camera.read()
        begun = time.process_time()
        for _ in range(frames):
            camera.read()
        return (time.process_time() - begun) * 1000 / frames
    finally:
        camera.close()


def _processor_ms(work: Callable[[], object], rounds: int = 5) -> float:
    work()
    begun = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - begun) * 1000 / rounds


def print_recovery(pictures: list[bytes], cuts: int) -> None:
    """Prints how long frames stay away after cuts, and what is left behind."""
    print("seconds without frames (median, largest), default settings")
    with motion_jpeg_process(pictures) as (url, control):
        settings = CameraSettings(name="bench", source=url)
        with WatchedCamera(settings, open_camera) as camera:
            _take(camera)
            _cut(camera, control, "cut", 3)
            process = psutil.Process()
            before = process.num_fds(), threading.active_count()
            _tell(f"motion JPEG, cut {cuts} times", _cut(camera, control, "cut", cuts))
            after = process.num_fds(), threading.active_count()
            print(f"  descriptors {before[0]} -> {after[0]}, threads {before[1]} -> {after[1]}")
            _tell("motion JPEG, sending stops", _cut(camera, control, "stall", 5))
    if not rtsp_is_missing():
        _tell("RTSP, server killed, once it is up", _rtsp_recovery(3, freeze=False))
        _tell("RTSP, server frozen until noticed", _rtsp_recovery(3, freeze=True))


def _tell(name: str, gaps: list[float]) -> None:
    print(f"  {name:36}{statistics.median(gaps):6.2f} {max(gaps):6.2f}")


def _take(camera: WatchedCamera) -> tuple[float, int]:
    """Takes a frame; returns when, and in which opening."""
    frame = camera.take(PATIENCE_S)
    if frame is None:
        raise RuntimeError("no frame came")
    return time.monotonic(), frame.opening


def _cut(camera: WatchedCamera, control: Connection, what: str, times: int) -> list[float]:
    gaps = []
    for _ in range(times):
        last, opening = _take(camera)
        control.send(what)
        while (taken := _take(camera))[1] == opening:
            last = taken[0]
        gaps.append(taken[0] - last)
    return gaps


def _rtsp_recovery(times: int, *, freeze: bool) -> list[float]:
    """Returns the times from when the server is up, or freezes, to a frame of the next opening."""
    gaps = []
    server = RtspServer(size=SIZE, rate_hz=RATE_HZ)
    try:
        with WatchedCamera(CameraSettings(name="bench", source=server.url), open_camera) as camera:
            for count in range(1, times + 1):
                begun, _ = _take(camera)
                if freeze:
                    server.freeze()
                    while camera.status().state is CameraState.STREAMING:
                        camera.take(0.01)
                    server.thaw()
                else:
                    server.kill()
                    server = RtspServer(server.port, SIZE, RATE_HZ)
                    begun = time.monotonic()
                while camera.status().reopenings < count:
                    camera.take(0.1)
                gaps.append(time.monotonic() - begun)
    finally:
        server.kill()
    return gaps


@contextmanager
def motion_jpeg_process(pictures: list[bytes]) -> Iterator[tuple[str, Connection]]:
    """Runs a motion JPEG server in a process of its own; its connection takes "cut" and "stall"."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve_motion_jpeg, args=(pictures, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("end")
        process.join()


def _serve_motion_jpeg(pictures: list[bytes], control: Connection) -> None:
    with MotionJpegServer() as server:
        server.picture = lambda index: pictures[index % len(pictures)]
        control.send(server.url)
        while (word := control.recv()) != "end":
            if word == "cut":
                server.cut()
            else:
                server.gate.clear()
                connections = server.connections
                while server.connections == connections:
                    time.sleep(0.001)
                server.gate.set()


def print_child(pictures: list[bytes]) -> None:
    """Prints what a child process a camera would cost."""
    context = multiprocessing.get_context("spawn")
    memory = SharedMemory(create=True, size=SIZE[0] * SIZE[1] * 3)
    try:
        ours, theirs = context.Pipe()
        with motion_jpeg_process(pictures) as (url, _):
            child = context.Process(target=_read_in_child, args=(url, memory.name, theirs))
            child.start()
            ours.recv()
            used = psutil.Process(child.pid).memory_full_info().uss / (1 << 20)
            ours.send("end")
            child.join()
        shared = np.ndarray((SIZE[1], SIZE[0] * 3), np.uint8, memory.buf)
        passing = _processor_ms(shared.copy, 50)
        del shared
        print(f"a child process instead: {used:.0f} MB a camera, {passing:.2f} ms a frame each way")
    finally:
        memory.close()
        memory.unlink()


def _read_in_child(url: str, memory_name: str, control: Connection) -> None:
    memory = SharedMemory(memory_name)
    camera = open_camera(CameraSettings(name="bench", source=url))
    shared = np.ndarray((SIZE[1], SIZE[0] * 3), np.uint8, memory.buf)
    for _ in range(WARM_UP):
        shared[...] = camera.read().pixels.data
    control.send("reading")
    control.recv()
    camera.close()
    del shared
    memory.close()


if __name__ == "__main__":
    main()
