"""Every error that may cross the API: one class a meaning, one gRPC status a class.

Rooms below the service raise these and know nothing of gRPC; the service turns `code`,
`reason`, `field` and `retry_after_s` into a status with google.rpc details. Messages are
sentences made of constants and numbers: never paths, exception texts or picture content.
"""

from __future__ import annotations

from typing import ClassVar


class LintelError(Exception):
    """The base of all errors that a caller may see.

    Attributes:
        code: Name of the gRPC status code, such as "INVALID_ARGUMENT".
        reason: Constant for programs, in UPPER_SNAKE_CASE (google.rpc.ErrorInfo.reason).
        message: A sentence for people.
        field: The request field at fault, or "".
        retry_after_s: Seconds after which a retry makes sense, or None.
        metadata: What else programs should know (google.rpc.ErrorInfo.metadata).
    """

    code: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self, message: str, *, field: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s
        self.metadata: dict[str, str] = {}

    def at(self, field: str) -> LintelError:
        """Places the error in a request: `field` is put before what the error already names.

        Args:
            field: Path of the enclosing field, such as "images[2]".

        Returns:
            This error, so that it can be raised at once.
        """
        self.field = f"{field}.{self.field}" if self.field else field
        return self


class InvalidArgumentError(LintelError):
    """A value is missing, of the wrong kind or outside its range."""

    code = "INVALID_ARGUMENT"
    reason = "INVALID_ARGUMENT"


class ImageTooLargeError(LintelError):
    """A picture is over a limit, by what its header says.

    Attributes:
        actual: What the picture has.
        limit: What is allowed.
        unit: "bytes" or "pixels".
    """

    code = "INVALID_ARGUMENT"
    reason = "IMAGE_TOO_LARGE"

    def __init__(self, actual: int, limit: int, unit: str, *, field: str = "") -> None:
        super().__init__(f"The picture has {actual} {unit}; the limit is {limit}.", field=field)
        self.actual = actual
        self.limit = limit
        self.unit = unit


class TooManyImagesError(LintelError):
    """A call carries more pictures than the device takes at a time.

    Attributes:
        actual: What the call has.
        limit: What is allowed; told in the metadata too, so that clients can do with less.
    """

    code = "INVALID_ARGUMENT"
    reason = "TOO_MANY_IMAGES"

    def __init__(self, actual: int, limit: int) -> None:
        super().__init__(f"A call takes 1 to {limit} pictures, not {actual}.", field="images")
        self.actual = actual
        self.limit = limit
        self.metadata = {"limit": str(limit)}


class ImageUnsupportedError(LintelError):
    """A picture is of a kind that is not served: another format, or an animation."""

    code = "INVALID_ARGUMENT"
    reason = "IMAGE_UNSUPPORTED"


class ImageUndecodableError(LintelError):
    """A picture is damaged: truncated, empty, or not what its header says."""

    code = "INVALID_ARGUMENT"
    reason = "IMAGE_UNDECODABLE"


class ResultTooLargeError(LintelError):
    """What was made of a picture does not fit into what is left of the reply.

    Attributes:
        actual: Bytes of the result.
        room: Bytes that are left.
    """

    code = "INVALID_ARGUMENT"
    reason = "RESULT_TOO_LARGE"

    def __init__(self, actual: int, room: int) -> None:
        super().__init__(
            f"The result has {actual} bytes and the reply room for {room}: ask for another format,"
            " a lower quality or fewer pictures."
        )
        self.actual = actual
        self.room = room


class ModelNotFoundError(LintelError):
    """No model of that name, version or kind is on the device."""

    code = "NOT_FOUND"
    reason = "MODEL_NOT_FOUND"


class ServiceNotFoundError(LintelError):
    """The device has no service of the name that its health was asked for."""

    code = "NOT_FOUND"
    reason = "SERVICE_NOT_FOUND"


class CameraNotFoundError(LintelError):
    """The device has no camera of that name, or none at all."""

    code = "NOT_FOUND"
    reason = "CAMERA_NOT_FOUND"


class CameraUnavailableError(LintelError):
    """The camera has given no picture yet, or none for too long; try again later."""

    code = "UNAVAILABLE"
    reason = "CAMERA_UNAVAILABLE"


class ModelUnavailableError(LintelError):
    """The model is on the device but cannot run: not loaded yet, or no backend for it."""

    code = "UNAVAILABLE"
    reason = "MODEL_UNAVAILABLE"


class PackageInvalidError(LintelError):
    """A model package breaks the rules: a field, a digest, a missing file."""

    code = "FAILED_PRECONDITION"
    reason = "PACKAGE_INVALID"


class SettingsInvalidError(LintelError):
    """The device's settings break the rules; raised at start, never over the API."""

    code = "FAILED_PRECONDITION"
    reason = "SETTINGS_INVALID"

    def __str__(self) -> str:
        """Returns the message, after the name of the setting where it does not tell it."""
        return self.message if self.field in self.message else f"{self.field}: {self.message}"


class InferenceFailedError(LintelError):
    """A model failed on this input. Nothing that depends on it is returned."""

    code = "INTERNAL"
    reason = "INFERENCE_FAILED"


class OverloadedError(LintelError):
    """The device is at its limit; try again after `retry_after_s`."""

    code = "RESOURCE_EXHAUSTED"
    reason = "OVERLOADED"


class SeriesNotFoundError(LintelError):
    """The device keeps no series of that name."""

    code = "NOT_FOUND"
    reason = "SERIES_NOT_FOUND"


class SeriesNotKeptError(LintelError):
    """The device is set to keep no series at all."""

    code = "FAILED_PRECONDITION"
    reason = "SERIES_NOT_KEPT"


class TooManySeriesError(LintelError):
    """The device keeps as many series as it is set to."""

    code = "RESOURCE_EXHAUSTED"
    reason = "TOO_MANY_SERIES"


class DiskFullError(LintelError):
    """The disk of the device is full; nothing was written."""

    code = "RESOURCE_EXHAUSTED"
    reason = "DISK_FULL"


class StoreUnavailableError(LintelError):
    """The store of series cannot be read or written: a missing right, a failing disk."""

    code = "UNAVAILABLE"
    reason = "STORE_UNAVAILABLE"


class ClockNotSetError(LintelError):
    """The device does not know the time yet; try again after `retry_after_s`."""

    code = "UNAVAILABLE"
    reason = "CLOCK_NOT_SET"


class NotServingError(LintelError):
    """The device is starting or shutting down; try again after `retry_after_s`."""

    code = "UNAVAILABLE"
    reason = "NOT_SERVING"


class DeadlineExceededError(LintelError):
    """The caller's deadline passed before the work could begin."""

    code = "DEADLINE_EXCEEDED"
    reason = "DEADLINE_EXCEEDED"


class CancelledError(LintelError):
    """The caller has gone."""

    code = "CANCELLED"
    reason = "CANCELLED"


class UnauthenticatedError(LintelError):
    """No bearer token, or one that the device does not know."""

    code = "UNAUTHENTICATED"
    reason = "UNAUTHENTICATED"


class PermissionDeniedError(LintelError):
    """The token is known and lacks the role that the method asks for."""

    code = "PERMISSION_DENIED"
    reason = "PERMISSION_DENIED"
