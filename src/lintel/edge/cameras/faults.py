"""What goes wrong with cameras: constants for programs, a sentence each for people."""

from __future__ import annotations

from enum import StrEnum

from lintel.edge.errors import LintelError


class Fault(StrEnum):
    """Why a camera gives no frames."""

    SETTINGS_WRONG = "SETTINGS_WRONG"
    NO_CAMERA = "NO_CAMERA"
    GONE = "GONE"
    EMPTY = "EMPTY"
    ACCESS_DENIED = "ACCESS_DENIED"
    NOT_REACHABLE = "NOT_REACHABLE"
    CANNOT_OPEN = "CANNOT_OPEN"
    OPENING_TOO_LONG = "OPENING_TOO_LONG"
    STALLED = "STALLED"
    HANGING = "HANGING"
    CUT = "CUT"
    SIZE_CHANGED = "SIZE_CHANGED"
    DAMAGED = "DAMAGED"
    UNSUPPORTED = "UNSUPPORTED"
    LIBRARY_MISSING = "LIBRARY_MISSING"
    FAILED = "FAILED"

    @property
    def sentence(self) -> str:
        """What happened."""
        return _SENTENCES[self]

    @property
    def hint(self) -> str:
        """What to do about it."""
        return _HINTS[self]


_SENTENCES = {
    Fault.SETTINGS_WRONG: "The source of the camera, or its credentials_file, is wrong.",
    Fault.NO_CAMERA: "No camera is attached that answers.",
    Fault.GONE: "There is no such device, clip or folder.",
    Fault.EMPTY: "The folder holds no picture and no clip.",
    Fault.ACCESS_DENIED: "The camera may not be opened by this user, or with these credentials.",
    Fault.NOT_REACHABLE: "Nothing answers at the address.",
    Fault.CANNOT_OPEN: "The camera cannot be opened.",
    Fault.OPENING_TOO_LONG: "The camera gave no frame within open_timeout_s.",
    Fault.STALLED: "The camera gave no frame within stall_timeout_s.",
    Fault.HANGING: "Several readings of the camera hang; none can be begun before one returns.",
    Fault.CUT: "The stream ended.",
    Fault.SIZE_CHANGED: "The size or format of the frames changed.",
    Fault.DAMAGED: "The camera gave what is no picture.",
    Fault.UNSUPPORTED: "The camera gives frames of a kind that is not served.",
    Fault.LIBRARY_MISSING: "A library that the camera needs is not installed.",
    Fault.FAILED: "The camera failed.",
}

_HINTS = {
    Fault.SETTINGS_WRONG: "Write rtsp://HOST:PORT/PATH, http://HOST:PORT/PATH, or gstreamer: and"
    " a pipeline without appsink; credentials_file is a file of USER:PASSWORD.",
    Fault.NO_CAMERA: "Attach one, or name a source.",
    Fault.GONE: "Plug the camera in, or correct its source.",
    Fault.EMPTY: "Put pictures or clips into it, or correct the camera's source.",
    Fault.ACCESS_DENIED: "For /dev/video*, add your user to the group video and log in anew; for"
    " a network camera, check credentials_file.",
    Fault.NOT_REACHABLE: "Check address, port, cable and power.",
    Fault.CANNOT_OPEN: "Check that no other program uses it, and that the path of its address is"
    " right.",
    Fault.OPENING_TOO_LONG: "Check the camera; raise open_timeout_s for one that is slow.",
    Fault.STALLED: "Check cable and power; raise stall_timeout_s for one that is slow.",
    Fault.HANGING: "Unplug the camera and plug it in anew; if that does not help, restart Lintel.",
    Fault.CUT: "Check cable and power.",
    Fault.SIZE_CHANGED: "If it happens again and again, fix the size in the camera's own settings.",
    Fault.DAMAGED: "Check the cable, or lower width, height or frame_rate_hz.",
    Fault.UNSUPPORTED: "Set the camera to JPEG or H.264, or name a gstreamer: pipeline.",
    Fault.LIBRARY_MISSING: "See docs/cameras.md for what each source needs.",
    Fault.FAILED: "The log tells the kind of the failure.",
}


class CameraFailedError(LintelError):
    """A camera gives no frames, or none any more.

    Attributes:
        fault: Why.
    """

    code = "UNAVAILABLE"
    reason = "CAMERA_UNAVAILABLE"

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault
        self.metadata = {"fault": str(fault)}


class DamagedFrameError(Exception):
    """One frame was damaged; the next may be well."""


class RecordingEndedError(Exception):
    """A recording that is not looped came to its end.

    Attributes:
        complete: Whether all of it could be read.
    """

    def __init__(self, *, complete: bool = True) -> None:
        super().__init__("the recording ended")
        self.complete = complete
