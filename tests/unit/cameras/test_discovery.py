"""What is attached, and trying it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.camera_servers import camera_settings, write_clip

from lintel.edge.cameras import CameraFailedError, Fault, opening, probe
from lintel.edge.cameras.discovery import AttachedCamera, video_devices
from lintel.edge.cameras.opening import open_camera


def test_only_devices_that_give_pictures_are_cameras(tmp_path: Path) -> None:
    (tmp_path / "video0").write_bytes(b"")
    (tmp_path / "video10").symlink_to(tmp_path / "nowhere")
    (tmp_path / "video2").symlink_to("/dev/null")
    (tmp_path / "videodev").write_bytes(b"")
    (tmp_path / "v4l-subdev0").write_bytes(b"")
    found = video_devices(tmp_path)
    assert [Path(camera.source).name for camera in found] == ["video0", "video2", "video10"]
    assert [camera.problem for camera in found] == [
        "cannot be opened",
        "cannot be opened",
        "is gone",
    ]


def test_auto_passes_over_what_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "clip.avi", 3)
    attached = [AttachedCamera("/dev/video63", ""), AttachedCamera(str(clip), "")]
    monkeypatch.setattr(opening, "attached_cameras", lambda _folder: attached)
    camera = open_camera(camera_settings("auto"))
    camera.close()
    assert camera.description == str(clip)


def test_without_any_camera_auto_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "attached_cameras", lambda _folder: [])
    with pytest.raises(CameraFailedError) as caught:
        open_camera(camera_settings("auto"))
    assert caught.value.fault is Fault.NO_CAMERA


def test_a_camera_is_tried_by_reading_frames(tmp_path: Path) -> None:
    result = probe(camera_settings(write_clip(tmp_path / "clip.avi", 5), replay="fastest"), 8)
    assert result.count == 8
    assert result.fault is None
    assert result.frame is not None
    assert result.frame.pixels.width == 160
    assert result.frame_rate_hz > 0
    assert result.first_after_s is not None


def test_a_recording_may_end_before_the_trial_does(tmp_path: Path) -> None:
    settings = camera_settings(write_clip(tmp_path / "clip.avi", 5), replay="fastest", loop=False)
    result = probe(settings, 8)
    assert (result.count, result.fault) == (5, None)


def test_a_trial_of_what_is_not_there_tells_why() -> None:
    result = probe(camera_settings("/dev/video63"), 3)
    assert (result.count, result.frame, result.fault) == (0, None, Fault.GONE)
