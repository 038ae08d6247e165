"""GStreamer: pipelines as text, and, where it is installed, as cameras."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.camera_servers import RtspServer, camera_settings

from lintel.edge.cameras import CameraFailedError, Fault, open_camera, system_packages
from lintel.edge.cameras.gstreamer import has_element, library
from lintel.edge.cameras.pipelines import jetson_pipeline, own_pipeline, rtsp_pipeline
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.images import PixelFormat

SINK = "appsink name=lintel-appsink max-buffers=1 drop=true sync=false"


@pytest.fixture(scope="module")
def gstreamer() -> None:
    try:
        library()
    except CameraFailedError:
        pytest.skip("apt-get install python3-gi gir1.2-gst-plugins-base-1.0")
    if not has_element("videotestsrc"):
        pytest.skip("apt-get install gstreamer1.0-plugins-base")


def open_pipeline(text: str, **others: Any) -> Any:
    return open_camera(camera_settings(f"gstreamer:{text}", **others))


def test_a_jetson_gives_nv12_out_of_the_memory_of_its_gpu() -> None:
    settings = camera_settings("jetson", width=1920, height=1080, frame_rate_hz=30.0)
    assert jetson_pipeline(settings, 1) == (
        "nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),width=1920,height=1080"
        f",format=NV12,framerate=30/1 ! nvvidconv ! video/x-raw,format=NV12 ! {SINK}"
    )


def test_a_jetson_takes_an_exposure_and_a_broken_rate() -> None:
    settings = camera_settings("jetson", exposure_us=8000, frame_rate_hz=12.5)
    pipeline = jetson_pipeline(settings, 0)
    assert 'sensor-id=0 aelock=true exposuretimerange="8000000 8000000" !' in pipeline
    assert "framerate=12500/1000" in pipeline


def test_rtsp_is_decoded_by_the_jetsons_decoder_where_there_is_one() -> None:
    settings = camera_settings('rtsp://me:a"b@camera/live?x=1', open_timeout_s=5)
    assert rtsp_pipeline(settings, {"nvv4l2decoder"}.__contains__) == (
        'rtspsrc location="rtsp://camera/live?x=1" user-id="me" user-pw="a\\"b" protocols=tcp'
        " latency=50 tcp-timeout=5000000 ! application/x-rtp,media=video"
        f" ! parsebin ! nvv4l2decoder ! nvvidconv ! video/x-raw,format=NV12 ! {SINK}"
    )


def test_rtsp_is_decoded_by_the_best_decoder_elsewhere() -> None:
    pipeline = rtsp_pipeline(camera_settings("rtsp://camera/live"), set().__contains__)
    assert "user-id" not in pipeline
    assert " ! decodebin ! videoconvert ! " in pipeline


@pytest.mark.parametrize("text", ["", "  ", "videotestsrc ! appsink"])
def test_a_pipeline_without_raw_video_at_its_end_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        own_pipeline(text)
    assert caught.value.field == "source"


@pytest.mark.parametrize(
    ("caps", "pixel_format"),
    [("NV12", PixelFormat.NV12), ("I420", PixelFormat.NV12), ("BGR", PixelFormat.BGR8)],
)
@pytest.mark.usefixtures("gstreamer")
def test_frames_stay_packed_as_the_pipeline_packs_them_but_for_i420(
    caps: str, pixel_format: PixelFormat
) -> None:
    # The width is no multiple of four, to which GStreamer pads.
    text = f"videotestsrc pattern=red ! video/x-raw,format={caps},width=322,height=240"
    camera = open_pipeline(text)
    try:
        frame = camera.read()
    finally:
        camera.close()
    assert frame.pixels.pixel_format is pixel_format
    assert (frame.pixels.width, frame.pixels.height) == (322, 240)
    assert frame.pixels.stride_bytes % 4 == 0
    blue, green, red = frame.pixels.to_picture().pixels.reshape(-1, 3).mean(0)
    assert red > 240
    assert max(blue, green) < 15


@pytest.mark.usefixtures("gstreamer")
def test_live_frames_are_stamped_when_they_were_captured() -> None:
    camera = open_pipeline("videotestsrc is-live=true ! video/x-raw,framerate=20/1")
    try:
        first = camera.read().captured_ns
        begun = time.monotonic_ns()
        stamps = [camera.read().captured_ns for _ in range(4)]
    finally:
        camera.close()
    assert first < begun
    assert first < stamps[0] < stamps[1] < stamps[2] < stamps[3] < time.monotonic_ns()


@pytest.mark.parametrize("text", ["no-such-element", "videotestsrc ! ("])
@pytest.mark.usefixtures("gstreamer")
def test_a_pipeline_that_is_none_cannot_be_opened(text: str) -> None:
    with pytest.raises(CameraFailedError) as caught:
        open_pipeline(text)
    assert caught.value.fault is Fault.CANNOT_OPEN


@pytest.mark.usefixtures("gstreamer")
def test_a_pipeline_that_ends_is_cut() -> None:
    camera = open_pipeline("videotestsrc num-buffers=2")
    try:
        with pytest.raises(CameraFailedError) as caught:
            for _ in range(10):
                camera.read()
    finally:
        camera.close()
    assert caught.value.fault is Fault.CUT


@pytest.mark.usefixtures("gstreamer")
def test_rtsp_is_read_by_gstreamer_where_hardware_is_to_decode_it(rtsp: RtspServer) -> None:
    if not (has_element("avdec_h264") or has_element("openh264dec")):
        pytest.skip("apt-get install gstreamer1.0-plugins-bad")
    camera = open_camera(camera_settings(rtsp.url, decoding="hardware"))
    try:
        frame = camera.read()
    finally:
        camera.close()
    assert (frame.pixels.width, frame.pixels.height) == (320, 240)
    assert frame.pixels.pixel_format is PixelFormat.NV12
    assert camera.description == rtsp.url


def test_a_system_without_gstreamer_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library.cache_clear()
    monkeypatch.setattr(system_packages, "_SYSTEM_FOLDER", tmp_path / "none")
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(CameraFailedError) as caught:
        open_pipeline("videotestsrc")
    assert caught.value.fault is Fault.LIBRARY_MISSING
