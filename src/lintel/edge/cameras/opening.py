"""From a source in the settings to a camera that is open."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from lintel.edge.cameras.addresses import (
    is_address,
    read_credentials,
    split_credentials,
    without_credentials,
)
from lintel.edge.cameras.camera import Camera
from lintel.edge.cameras.captures import DeviceCamera, open_rtsp
from lintel.edge.cameras.discovery import attached_cameras
from lintel.edge.cameras.faults import CameraFailedError, Fault
from lintel.edge.cameras.gstreamer import has_element, open_gstreamer
from lintel.edge.cameras.motion_jpeg import MotionJpegCamera
from lintel.edge.cameras.picamera import PiCamera
from lintel.edge.cameras.pipelines import jetson_pipeline, own_pipeline, rtsp_pipeline
from lintel.edge.cameras.replay import ReplayCamera
from lintel.edge.cameras.synthetic import SyntheticCamera
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import LintelError, SettingsInvalidError

_NUMBERED = re.compile(r"(picamera|jetson)(?::(\d))?")
_DEVICE = re.compile(r"(?:v4l2:)?(/dev/.+)")


def check_source(settings: CameraSettings) -> None:
    """Checks what can be told of a source without opening it.

    Raises:
        SettingsInvalidError: The source is written as none is, or the file of credentials cannot
            be read.
    """
    _check_kind(settings.source)
    if is_address(settings.source):
        split_credentials(settings.source, settings.credentials_file)
    elif settings.credentials_file:
        read_credentials(settings.credentials_file)


def open_camera(settings: CameraSettings) -> Camera:
    """Opens the camera that `settings.source` names.

    A reading of it may take up to `stall_timeout_s`, and a library may exceed that: see
    `WatchedCamera`.

    Raises:
        CameraFailedError: It cannot be opened.
        SettingsInvalidError: The source, or the file of credentials, is wrong.
    """
    source = settings.source
    _check_kind(source)
    if is_address(source):
        return _open_address(settings)
    if numbered := _NUMBERED.fullmatch(source):
        return _open_numbered(settings, numbered[1], int(numbered[2] or 0))
    if device := _DEVICE.fullmatch(source):
        return DeviceCamera(settings, device[1])
    if source.startswith("gstreamer:"):
        pipeline = own_pipeline(source.removeprefix("gstreamer:"))
        return open_gstreamer(settings, pipeline, "gstreamer")
    return _NAMED.get(source, ReplayCamera)(settings)


def _check_kind(source: str) -> None:
    """Refuses what looks like a kind of source and is none, and would be taken for a clip."""
    kind = source.partition(":")[0]
    is_wrong = "://" in source and not is_address(source) and kind != "gstreamer"
    if kind in {"picamera", "jetson"}:
        is_wrong = _NUMBERED.fullmatch(source) is None
    elif kind == "v4l2":
        is_wrong = _DEVICE.fullmatch(source) is None
    if is_wrong:
        raise SettingsInvalidError(
            "The source is written as none is: see cameras.source of `lintel config show`.",
            field="source",
        )


def _open_numbered(settings: CameraSettings, kind: str, number: int) -> Camera:
    if kind == "picamera":
        return PiCamera(settings, number)
    return open_gstreamer(settings, jetson_pipeline(settings, number), f"jetson:{number}")


def _open_address(settings: CameraSettings) -> Camera:
    if settings.source.lower().startswith("http"):
        return MotionJpegCamera(settings)
    if settings.decoding == "software":
        return open_rtsp(settings)
    pipeline = rtsp_pipeline(settings, has_element)
    return open_gstreamer(settings, pipeline, without_credentials(settings.source))


def _open_first(settings: CameraSettings) -> Camera:
    """Opens the first attached camera that gives a frame."""
    for attached in attached_cameras(Path("/dev")):
        camera: Camera | None = None
        try:
            camera = open_camera(msgspec.structs.replace(settings, source=attached.source))
            camera.read()
        except (LintelError, RuntimeError):
            if camera is not None:
                camera.close()
        else:
            return camera
    raise CameraFailedError(Fault.NO_CAMERA)


_NAMED: dict[str, Callable[[CameraSettings], Camera]] = {
    "auto": _open_first,
    "synthetic": SyntheticCamera,
}
