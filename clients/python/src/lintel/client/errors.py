"""Every error of a device, as one tree of exceptions.

A gRPC status becomes the class of its code; the google.rpc details in it become attributes.
The same classes stand, as values, in the place of single pictures that could not be served.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypedDict, Unpack, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from lintel.v1 import image_pb2

DETAILS_KEY = "grpc-status-details-bin"


class LintelError(Exception):
    """The base of all errors that a device answers with, or that stand for its silence.

    Attributes:
        code: Name of the gRPC status code, such as "INVALID_ARGUMENT".
        reason: Constant for programs, such as "IMAGE_UNDECODABLE"; the code where there is none.
        message: A sentence for people.
        field: The request field at fault, such as "images[2].encoded", or "".
        retry_after_s: Seconds after which the device asks to be tried again, or None.
        metadata: What else the device tells programs, such as {"limit": "4"}.
    """

    code = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        reason: str = "",
        field: str = "",
        retry_after_s: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.reason = reason or self.code
        self.field = field
        self.retry_after_s = retry_after_s
        self.metadata = dict(metadata or {})


class InvalidArgumentError(LintelError):
    """A picture or an option is not one that the device accepts; trying again won't help.

    Of a request that is larger than the device takes, `code` is "RESOURCE_EXHAUSTED", as gRPC has
    it, and `reason` "MESSAGE_TOO_LARGE".
    """

    code = "INVALID_ARGUMENT"


class NotFoundError(LintelError):
    """The device has no such model, no such series, or no such service."""

    code = "NOT_FOUND"


class OverloadedError(LintelError):
    """The device is at its limit, and was so at every retry."""

    code = "RESOURCE_EXHAUSTED"


class DeadlineExceededError(LintelError):
    """The device did not answer in time."""

    code = "DEADLINE_EXCEEDED"


class UnavailableError(LintelError):
    """The device can't be reached, is starting or is shutting down."""

    code = "UNAVAILABLE"


class UnauthenticatedError(LintelError):
    """The device asks for a token, or does not know the one it was given."""

    code = "UNAUTHENTICATED"


class PermissionDeniedError(LintelError):
    """The token is known to the device and may not do this."""

    code = "PERMISSION_DENIED"


class InternalError(LintelError):
    """The device failed on this request; nothing of it is returned."""

    code = "INTERNAL"


_CLASSES: dict[str, type[LintelError]] = {
    subclass.code: subclass for subclass in LintelError.__subclasses__()
}
# gRPC itself refuses such a message, with no details; its words alone tell that from an overload.
_TOO_LARGE = re.compile(r"message larger than max \((\d+) vs\. (\d+)\)")
_CODE_NAMES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}


def of_call(error: grpc.RpcError) -> LintelError:
    """Reads the error of a whole call.

    Args:
        error: What gRPC raised.

    Returns:
        The error of the class of its code; of LintelError itself where there is no such class.
    """
    # Pairs from either of gRPC's two kinds of client, whatever its published types say.
    metadata = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    packed = next((value for key, value in metadata if key == DETAILS_KEY), b"")
    code, message = error.code().name, error.details() or ""
    if code == OverloadedError.code and (sizes := _TOO_LARGE.search(message)):
        return InvalidArgumentError(
            f"The message has {sizes[1]} bytes and {sizes[2]} may be sent: send smaller or fewer"
            " pictures, or raise server.max_message_mib on the device.",
            code=code,
            reason="MESSAGE_TOO_LARGE",
        )
    return _make(code, message, **_read_details(packed))


def of_wait(error: grpc.RpcError, timeout_s: float) -> LintelError:
    """Reads the error of a call that waited until the device serves.

    Args:
        error: What gRPC raised.
        timeout_s: Seconds that were waited at most.
    """
    told = of_call(error)
    if isinstance(told, DeadlineExceededError):
        return DeadlineExceededError(f"The device was not serving within {timeout_s:g} s.")
    return told


def of_picture(error: image_pb2.ImageError) -> LintelError:
    """Reads the error of one picture of a call."""
    code = _CODE_NAMES.get(error.code, LintelError.code)
    return _make(code, error.message, reason=error.reason, field=error.field)


class _Details(TypedDict, total=False):
    """What google.rpc details tell of an error, as far as they are there."""

    reason: str
    field: str
    retry_after_s: float
    metadata: Mapping[str, str]


def _make(code: str, message: str, **details: Unpack[_Details]) -> LintelError:
    return _CLASSES.get(code, LintelError)(message, code=code, **details)


def _read_details(packed: str | bytes) -> _Details:
    """Reads what is known of an error out of a google.rpc.Status."""
    status = status_pb2.Status()
    info = error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    details: _Details = {}
    try:
        status.ParseFromString(packed if isinstance(packed, bytes) else b"")
        for detail in status.details:
            if detail.Unpack(request) and request.field_violations:
                details["field"] = request.field_violations[0].field
            elif detail.Unpack(retry):
                details["retry_after_s"] = retry.retry_delay.ToMilliseconds() / 1000
            elif detail.Unpack(info):
                details["reason"], details["metadata"] = info.reason, info.metadata
    except DecodeError:
        # Something on the way mangled them; the call's code and message still stand.
        return {}
    return details
