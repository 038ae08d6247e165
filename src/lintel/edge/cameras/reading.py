"""One opening of a camera, from its first frame to its end, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from lintel.edge.cameras.camera import Camera
from lintel.edge.cameras.faults import (
    CameraFailedError,
    DamagedFrameError,
    Fault,
    RecordingEndedError,
)
from lintel.edge.cameras.frame import Frame
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import SettingsInvalidError

_log = logging.getLogger(__name__)

# So many damaged frames in a row are no accident.
_MOST_DAMAGED = 30


class Reader:
    """Opens a camera, reads it until it fails or is let go, and closes it.

    Args:
        settings: Of the camera.
        open_camera: Opens it.
        arrived: Takes every frame; it may wait.
        clock: Seconds that never jump.

    Attributes:
        over: Set once the camera is closed.
        fault: Why it ended; None: it was let go, or a recording ended.
        detail: More about the fault, for the log, or "".
        truncated: A recording ended before its time.
        damaged: Frames that were left out because they were damaged.
        is_recording: As the camera says, once it is open.
        description: As the camera says, once it is open.
    """

    def __init__(
        self,
        settings: CameraSettings,
        open_camera: Callable[[CameraSettings], Camera],
        arrived: Callable[[Reader, Frame], None],
        clock: Callable[[], float],
    ) -> None:
        self.over = threading.Event()
        self.fault: Fault | None = None
        self.detail = ""
        self.truncated = False
        self.damaged = 0
        self.is_recording = False
        self.description = ""
        self._settings = settings
        self._open_camera = open_camera
        self._arrived = arrived
        self._clock = clock
        self._let_go = threading.Event()
        self._camera: Camera | None = None
        self._shape: tuple[object, ...] | None = None
        self._damaged_in_a_row = 0
        # When the reading that is going on began; None: none is.
        self._busy_since: float | None = clock()
        self._first_at: float | None = None
        self._last_at: float | None = None

    def start(self) -> None:
        """Begins."""
        # A thread that hangs in a driver must not keep the process from ending.
        name = f"camera-{self._settings.name}-reading"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def let_go(self) -> None:
        """Takes no more frames; the camera is closed as soon as its reading returns."""
        self._let_go.set()
        camera = self._camera
        if camera is not None:
            camera.interrupt()

    def lateness(self) -> Fault | None:
        """Tells what is to be said of a reading that takes too long; None: it does not."""
        since = self._busy_since
        if since is None:
            return None
        opening = self._first_at is None
        bound_s = self._settings.open_timeout_s if opening else self._settings.stall_timeout_s
        if self._clock() - since <= bound_s:
            return None
        if self._damaged_in_a_row:
            return Fault.DAMAGED
        return Fault.OPENING_TOO_LONG if opening else Fault.STALLED

    @property
    def streamed_s(self) -> float:
        """Seconds from the first frame to the last."""
        if self._first_at is None or self._last_at is None:
            return 0.0
        return self._last_at - self._first_at

    def _run(self) -> None:
        try:
            self._read_all()
        except RecordingEndedError as end:
            self.truncated = not end.complete
        except CameraFailedError as error:
            self.fault = error.fault
        except SettingsInvalidError as error:
            self.fault, self.detail = Fault.SETTINGS_WRONG, error.message
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, it is tried again
            # Its text might hold an address with its password.
            self.fault, self.detail = Fault.FAILED, type(error).__name__
        finally:
            self._close()
            self.over.set()

    def _read_all(self) -> None:
        camera = self._camera = self._open_camera(self._settings)
        self.is_recording, self.description = camera.is_recording, camera.description
        while not self._let_go.is_set():
            try:
                frame = camera.read()
            except DamagedFrameError:
                self._count_damaged()
                continue
            self._check(frame)
            self._damaged_in_a_row = 0
            self._busy_since = None
            self._last_at = self._clock()
            self._first_at = self._last_at if self._first_at is None else self._first_at
            self._arrived(self, frame.turned(self._settings.rotation))
            self._busy_since = self._clock()

    def _count_damaged(self) -> None:
        self.damaged += 1
        self._damaged_in_a_row += 1
        if self._damaged_in_a_row >= _MOST_DAMAGED:
            raise CameraFailedError(Fault.DAMAGED)

    def _check(self, frame: Frame) -> None:
        """Holds a live camera to the size and format of its first frame."""
        pixels = frame.pixels
        shape = (pixels.width, pixels.height, pixels.pixel_format)
        if not self.is_recording and self._shape not in {None, shape}:
            raise CameraFailedError(Fault.SIZE_CHANGED)
        self._shape = shape

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            camera.close()
        except Exception as error:  # noqa: BLE001 - a camera that is gone may refuse that too
            _log.warning(
                "camera %s: closing failed (%s)", self._settings.name, type(error).__name__
            )
