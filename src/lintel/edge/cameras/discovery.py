"""What cameras are attached."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import NamedTuple

from lintel.edge.cameras.faults import CameraFailedError
from lintel.edge.cameras.gstreamer import has_element
from lintel.edge.cameras.picamera import attached_picameras

JETSON_ELEMENT = "nvarguscamerasrc"

# struct v4l2_capability of linux/videodev2.h: driver, card, bus_info, version, capabilities,
# device_caps, reserved. VIDIOC_QUERYCAP is _IOR('V', 0, that).
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
_QUERY_CAPABILITY = 0x80685600
_VIDEO_CAPTURE, _VIDEO_CAPTURE_PLANES, _MEMORY_TO_MEMORY = 0x1, 0x1000, 0x8000 | 0x4000


class AttachedCamera(NamedTuple):
    """A camera that is attached.

    Attributes:
        source: What to write into the settings.
        model: What it calls itself, or "".
        problem: What keeps this user from opening it: "", "may not be opened", "is gone" or
            "cannot be opened".
    """

    source: str
    model: str
    problem: str = ""


def attached_cameras(devices: Path = Path("/dev")) -> list[AttachedCamera]:
    """Lists the cameras that are attached, in the order in which "auto" tries them."""
    return [*_picameras(), *_jetson(), *video_devices(devices)]


def video_devices(devices: Path) -> list[AttachedCamera]:
    """Lists the V4L2 devices that give pictures; encoders, and a camera's metadata, do not.

    Args:
        devices: The folder of devices.
    """
    paths = [path for path in devices.glob("video*") if path.name[5:].isdigit()]
    found = (_look(path) for path in sorted(paths, key=lambda path: int(path.name[5:])))
    return [camera for camera in found if camera is not None]


def _look(path: Path) -> AttachedCamera | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        return AttachedCamera(str(path), "", "may not be opened")
    except OSError as error:
        gone = error.errno in {errno.ENODEV, errno.ENXIO, errno.ENOENT}
        return AttachedCamera(str(path), "", "is gone" if gone else "cannot be opened")
    try:
        answer = fcntl.ioctl(descriptor, _QUERY_CAPABILITY, bytes(_CAPABILITY.size))
    except OSError:
        return AttachedCamera(str(path), "", "cannot be opened")
    finally:
        os.close(descriptor)
    _, card, _, _, _, capabilities = _CAPABILITY.unpack(answer)
    captures = capabilities & (_VIDEO_CAPTURE | _VIDEO_CAPTURE_PLANES)
    if not captures or capabilities & _MEMORY_TO_MEMORY:
        return None
    return AttachedCamera(str(path), card.partition(b"\0")[0].decode("utf-8", "replace"))


def _picameras() -> list[AttachedCamera]:
    try:
        found = attached_picameras()
    except CameraFailedError:
        return []
    return [AttachedCamera(f"picamera:{item['Num']}", str(item.get("Model", ""))) for item in found]


def _jetson() -> list[AttachedCamera]:
    # How many sensors there are, Argus tells only those who open them.
    return [AttachedCamera("jetson:0", "Jetson CSI")] if has_element(JETSON_ELEMENT) else []
