"""Every source that can be had here, through the same door: `open_camera`."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.camera_servers import (
    MotionJpegServer,
    RtspServer,
    camera_settings,
    free_port,
    number_of,
    numbered_picture,
    write_clip,
)

from lintel.edge.cameras import Camera, CameraFailedError, DamagedFrameError, Fault, open_camera
from lintel.edge.cameras.faults import RecordingEndedError
from lintel.edge.cameras.frame import Frame
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.images import PixelFormat


def read(source: str | Path, count: int, **others: Any) -> list[Frame]:
    camera = open_camera(camera_settings(source, **others))
    try:
        return [camera.read() for _ in range(count)]
    finally:
        camera.close()


def read_to_the_end(camera: Camera) -> tuple[list[Frame], bool]:
    frames = []
    try:
        while True:
            frames.append(camera.read())
    except RecordingEndedError as end:
        return frames, end.complete
    finally:
        camera.close()


def fault_of(source: str | Path, **others: Any) -> Fault:
    with pytest.raises(CameraFailedError) as caught:
        read(source, 1, **others)
    return caught.value.fault


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.pixels.to_picture().pixels) for frame in frames]


def test_a_clip_is_replayed_frame_by_frame_on_its_own_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", 12, rate_hz=25)
    camera = open_camera(camera_settings(clip, replay="fastest", loop=False))
    frames, complete = read_to_the_end(camera)
    assert complete
    assert numbers(frames) == list(range(12))
    assert [frame.timeline_ns for frame in frames] == [40_000_000 * index for index in range(12)]
    assert frames[0].pixels.pixel_format is PixelFormat.BGR8
    assert (frames[0].pixels.width, frames[0].pixels.height) == (160, 120)
    assert frames[0].captured_ns < frames[-1].captured_ns


def test_a_loop_begins_anew_and_its_time_goes_on(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", 3)
    frames = read(clip, 7, replay="fastest")
    assert numbers(frames) == [0, 1, 2, 0, 1, 2, 0]
    steps = {b.timeline_ns - a.timeline_ns for a, b in itertools.pairwise(frames)}
    assert steps == {40_000_000}


def test_real_time_keeps_the_pace_of_the_clip(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", 6, rate_hz=50)
    begun_ns = time.monotonic_ns()
    frames = read(clip, 6)
    for frame in frames:
        assert frame.captured_ns >= begun_ns + frame.timeline_ns


def test_a_folder_is_replayed_in_the_order_of_names(tmp_path: Path) -> None:
    for index, name in enumerate(("a.png", "b.jpg", "c.webp")):
        cv2.imwrite(str(tmp_path / name), numbered_picture(index))
    write_clip(tmp_path / "d.avi", 2)
    (tmp_path / "notes.txt").write_text("no picture")
    camera = open_camera(camera_settings(tmp_path, replay="fastest", loop=False, frame_rate_hz=10))
    frames, complete = read_to_the_end(camera)
    assert complete
    assert numbers(frames) == [0, 1, 2, 0, 1]
    assert [frame.timeline_ns // 1_000_000 for frame in frames] == [0, 100, 200, 300, 340]


def test_what_of_a_folder_is_damaged_is_left_out_and_told(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), numbered_picture(1))
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.avi").write_bytes(b"no clip at all")
    camera = open_camera(camera_settings(tmp_path, replay="fastest", loop=False))
    frames, complete = read_to_the_end(camera)
    assert numbers(frames) == [1]
    assert not complete


def test_a_folder_in_which_nothing_can_be_read_is_no_endless_loop(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    assert fault_of(tmp_path) is Fault.DAMAGED


@pytest.mark.data
def test_the_sample_clips_are_replayed_whole(data_folder: Path) -> None:
    clip = data_folder / "video" / "face-demographics-walking.preview.mp4"
    frames, complete = read_to_the_end(
        open_camera(camera_settings(clip, replay="fastest", loop=False))
    )
    assert complete
    assert len(frames) == 35
    assert frames[1].timeline_ns == 80_000_000


def test_the_synthetic_camera_is_the_same_every_time_and_moves() -> None:
    one, other = (
        read("synthetic", 5, replay="fastest", width=320, height=240, small_width=160)
        for _ in range(2)
    )
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first.pixels.data, second.pixels.data)
        assert first.timeline_ns == second.timeline_ns
    assert not np.array_equal(one[0].pixels.data, one[1].pixels.data)
    small = one[0].small
    assert small is not None
    assert (small.width, small.height) == (160, 120)
    assert read("synthetic", 1, small_width=0)[0].small is None


@pytest.mark.parametrize("measured", [True, False])
def test_motion_jpeg_is_read_picture_by_picture(
    motion_jpeg: MotionJpegServer, measured: bool
) -> None:
    motion_jpeg.measured = measured
    frames = read(motion_jpeg.url, 10)
    assert numbers(frames) == list(range(10))
    assert frames[0].pixels.pixel_format is PixelFormat.BGR8


@pytest.mark.parametrize("in_file", [True, False])
def test_motion_jpeg_logs_in_and_shows_no_password(
    motion_jpeg: MotionJpegServer, tmp_path: Path, in_file: bool
) -> None:
    motion_jpeg.login = "Basic YWRtaW46YUA6L3Nl"  # admin, a@:/se
    file = tmp_path / "credentials"
    file.write_text("admin:a@:/se\n")
    if in_file:
        settings = camera_settings(motion_jpeg.url, credentials_file=str(file))
    else:
        url = motion_jpeg.url.replace("//", "//admin:a%40%3A%2Fse@")
        settings = camera_settings(url)
    camera = open_camera(settings)
    try:
        assert number_of(camera.read().pixels.to_picture().pixels) == 0
        assert camera.description == motion_jpeg.url
    finally:
        camera.close()


def test_what_is_wrong_with_a_network_camera_is_told_apart(
    motion_jpeg: MotionJpegServer, tmp_path: Path
) -> None:
    assert fault_of(f"http://127.0.0.1:{free_port()}/") is Fault.NOT_REACHABLE
    assert fault_of(f"rtsp://127.0.0.1:{free_port()}/") is Fault.NOT_REACHABLE
    assert fault_of(f"rtsp://127.0.0.1:{motion_jpeg.port}/") is Fault.CANNOT_OPEN
    motion_jpeg.content_type = "text/html"
    assert fault_of(motion_jpeg.url) is Fault.UNSUPPORTED
    motion_jpeg.login = "Basic something"
    assert fault_of(motion_jpeg.url) is Fault.ACCESS_DENIED
    with pytest.raises(SettingsInvalidError) as caught:
        read(motion_jpeg.url, 1, credentials_file=str(tmp_path / "none"))
    assert caught.value.field == "credentials_file"


def test_a_damaged_jpeg_is_told_and_the_next_is_read(motion_jpeg: MotionJpegServer) -> None:
    whole = motion_jpeg.jpeg(2)
    bodies = [motion_jpeg.jpeg(0), whole[: len(whole) // 2], motion_jpeg.jpeg(3)]
    motion_jpeg.picture = lambda index: bodies[index % 3]
    camera = open_camera(camera_settings(motion_jpeg.url))
    try:
        assert numbers([camera.read()]) == [0]
        with pytest.raises(DamagedFrameError):
            camera.read()
        assert numbers([camera.read()]) == [3]
    finally:
        camera.close()


def test_rtsp_is_read_by_ffmpeg(rtsp: RtspServer) -> None:
    frames = read(rtsp.url, 5)
    assert {(frame.pixels.width, frame.pixels.height) for frame in frames} == {(320, 240)}
    # The ball of the test picture moves on black.
    assert any(
        not np.array_equal(a.pixels.data, b.pixels.data) for a, b in itertools.pairwise(frames)
    )


def test_a_device_a_clip_or_a_camera_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert fault_of("/dev/video63") is Fault.GONE
    assert fault_of("v4l2:/dev/video63") is Fault.GONE
    assert fault_of(tmp_path / "none.mp4") is Fault.GONE
    assert fault_of(tmp_path) is Fault.EMPTY


def test_a_device_that_is_no_camera_cannot_be_opened() -> None:
    assert fault_of("/dev/null") is Fault.CANNOT_OPEN
