"""Cameras: one interface, whatever gives the frames, and a watch over what may fail."""

import logging

from lintel.edge.cameras.addresses import without_credentials
from lintel.edge.cameras.camera import Camera
from lintel.edge.cameras.discovery import AttachedCamera, attached_cameras
from lintel.edge.cameras.faults import (
    CameraFailedError,
    DamagedFrameError,
    Fault,
    RecordingEndedError,
)
from lintel.edge.cameras.frame import Frame, RawPixels
from lintel.edge.cameras.opening import check_source, open_camera
from lintel.edge.cameras.probing import Probe, probe
from lintel.edge.cameras.watching import CameraState, CameraStatus, WatchedCamera

__all__ = [
    "AttachedCamera",
    "Camera",
    "CameraFailedError",
    "CameraState",
    "CameraStatus",
    "DamagedFrameError",
    "Fault",
    "Frame",
    "Probe",
    "RawPixels",
    "RecordingEndedError",
    "WatchedCamera",
    "attached_cameras",
    "check_source",
    "open_camera",
    "probe",
    "without_credentials",
]

# Programs that set up no logging show faults in their own way.
logging.getLogger(__name__).addHandler(logging.NullHandler())
