"""Real cameras that are cut, freeze, change or speak garbage: noticed, reopened, nothing leaked."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.camera_servers import (
    MotionJpegServer,
    RtspServer,
    camera_settings,
    number_of,
    rtsp_is_missing,
    write_clip,
)

from lintel.edge.cameras import CameraState, Fault, Frame, WatchedCamera, open_camera

PATIENCE_S = 60.0


@pytest.fixture
def watch() -> Iterator[Callable[..., WatchedCamera]]:
    """Watches cameras; all are stopped at the test's end, and none may leave a thread behind."""
    before = set(threading.enumerate())
    started: list[WatchedCamera] = []

    def start(source: str | Path, **settings: Any) -> WatchedCamera:
        camera = WatchedCamera(camera_settings(source, **settings), open_camera)
        camera.start()
        started.append(camera)
        return camera

    yield start
    for camera in started:
        camera.stop()
    reading = [thread for thread in set(threading.enumerate()) - before if "camera" in thread.name]
    for thread in reading:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


@pytest.fixture
def motion_jpeg() -> Iterator[MotionJpegServer]:
    with MotionJpegServer() as server:
        yield server


def take(camera: WatchedCamera) -> Frame:
    frame = camera.take(PATIENCE_S)
    assert frame is not None
    return frame


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.01)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def recovered(camera: WatchedCamera, times: int = 1) -> bool:
    status = camera.status()
    return status.reopenings >= times and status.state is CameraState.STREAMING


def test_a_server_that_is_killed_and_restarted_is_found_again(
    watch: Callable[..., WatchedCamera],
) -> None:
    with MotionJpegServer() as server:
        camera = watch(server.url)
        take(camera)
        port = server.port
    wait_until(lambda: camera.status().state is CameraState.LOST)
    wait_until(lambda: camera.status().fault is Fault.NOT_REACHABLE)
    assert camera.status().width == 160
    with MotionJpegServer(port):
        wait_until(lambda: recovered(camera))
    assert camera.status().hanging == 0


def test_a_server_that_stops_sending_is_left_and_tried_anew(
    watch: Callable[..., WatchedCamera], motion_jpeg: MotionJpegServer
) -> None:
    camera = watch(motion_jpeg.url)
    take(camera)
    motion_jpeg.gate.clear()
    wait_until(lambda: camera.status().fault is Fault.STALLED)
    wait_until(lambda: camera.status().hanging == 0)
    motion_jpeg.gate.set()
    wait_until(lambda: recovered(camera))


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (lambda _index: MotionJpegServer.jpeg(1, 320, 240), Fault.SIZE_CHANGED),
        (lambda _index: os.urandom(2000), Fault.DAMAGED),
        (lambda _index: b"", Fault.DAMAGED),
        (lambda index: MotionJpegServer.jpeg(index % 50)[:300], Fault.DAMAGED),
        # A header of JPEG that asks for a gigapixel.
        (
            lambda index: MotionJpegServer.jpeg(index % 50).replace(
                b"\x00\x78\x00\xa0\x03", b"\xff\xff\xff\xff\x03"
            ),
            Fault.DAMAGED,
        ),
    ],
)
def test_other_pictures_than_before_are_noticed(
    watch: Callable[..., WatchedCamera],
    motion_jpeg: MotionJpegServer,
    other: Callable[[int], bytes],
    fault: Fault,
) -> None:
    camera = watch(motion_jpeg.url)
    take(camera)
    motion_jpeg.picture = other
    wait_until(lambda: camera.status().fault is fault)
    motion_jpeg.picture = motion_jpeg.jpeg
    wait_until(lambda: recovered(camera))


def test_a_stream_that_loses_its_shape_is_left(watch: Callable[..., WatchedCamera]) -> None:
    with MotionJpegServer() as server:
        camera = watch(server.url)
        take(camera)
        server.measured = False
        server.picture = lambda _index: os.urandom(1 << 20)
        wait_until(lambda: camera.status().state is CameraState.LOST)
    assert camera.status().fault in {Fault.DAMAGED, Fault.CUT, Fault.NOT_REACHABLE}


def test_fifty_cuts_leave_no_descriptor_and_no_thread_behind(
    watch: Callable[..., WatchedCamera], motion_jpeg: MotionJpegServer
) -> None:
    others = set(threading.enumerate())
    camera = watch(motion_jpeg.url, reopen_longest_s=0.01)
    take(camera)

    def cut(times: int) -> None:
        for _ in range(times):
            wanted = camera.status().reopenings + 1
            motion_jpeg.cut()
            wait_until(functools.partial(recovered, camera, wanted))

    cut(3)
    before = descriptors()
    cut(50)
    # The server's own end of a connection may be closing still.
    wait_until(lambda: descriptors() <= before)

    def ours() -> list[str]:
        new = set(threading.enumerate()) - others
        return sorted(thread.name for thread in new if "camera" in thread.name)

    wait_until(lambda: ours() == ["camera-test", "camera-test-reading"])


def test_a_clip_that_is_cut_off_ends_and_is_told(
    watch: Callable[..., WatchedCamera], tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.avi", 20)
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])
    camera = watch(clip, replay="fastest", loop=False)
    seen = [number_of(frame.pixels.to_picture().pixels) for frame in camera.frames()]
    assert seen == list(range(len(seen)))
    assert 0 < len(seen) < 20
    status = camera.status()
    assert (status.state, status.fault) == (CameraState.ENDED, Fault.DAMAGED)


def test_a_clip_that_is_damaged_within_never_ends_the_watch(
    watch: Callable[..., WatchedCamera], tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.avi", 20)
    whole = bytearray(clip.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 400] = os.urandom(400)
    clip.write_bytes(whole)
    camera = watch(clip, replay="fastest")
    for _ in range(60):
        take(camera)


def test_a_clip_that_vanishes_is_waited_for(
    watch: Callable[..., WatchedCamera], tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.avi", 5)
    away = clip.rename(tmp_path / "away.avi")
    camera = watch(clip)
    wait_until(lambda: camera.status().fault is Fault.GONE)
    away.rename(clip)
    take(camera)
    assert camera.status().state is CameraState.STREAMING


def test_a_recording_whose_pictures_differ_in_size_goes_on(
    watch: Callable[..., WatchedCamera], tmp_path: Path
) -> None:
    for name, size in (("a", (160, 120)), ("b", (320, 240))):
        write_clip(tmp_path / f"{name}.avi", 2, size=size)
    camera = watch(tmp_path, replay="fastest", loop=False)
    frames = list(camera.frames())
    assert [frame.pixels.width for frame in frames] == [160, 160, 320, 320]
    assert [frame.opening for frame in frames] == [0, 0, 1, 1]
    assert camera.status().reopenings == 0


def test_rtsp_is_found_again_after_freezing_and_after_dying(
    watch: Callable[..., WatchedCamera],
) -> None:
    if missing := rtsp_is_missing():
        pytest.skip(missing)
    server = RtspServer()
    try:
        camera = watch(server.url)
        take(camera)
        before = descriptors()
        server.freeze()
        wait_until(lambda: camera.status().fault is Fault.STALLED)
        server.kill()
        wait_until(lambda: camera.status().fault is Fault.NOT_REACHABLE)
        server = RtspServer(server.port)
        wait_until(lambda: recovered(camera))
        # The reading that was let go returns at FFmpeg's own limit, and takes its socket along.
        wait_until(lambda: camera.status().hanging == 0 or descriptors() <= before)
        wait_until(lambda: descriptors() <= before)
    finally:
        server.kill()
