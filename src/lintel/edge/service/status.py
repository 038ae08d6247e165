"""Turns errors into gRPC statuses with google.rpc details, the same for every method."""

from __future__ import annotations

from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from lintel.edge.errors import LintelError

ERROR_DOMAIN = "lintel"
DETAILS_KEY = "grpc-status-details-bin"
# gRPC's own retry policies wait this long instead of their back-off.
PUSHBACK_KEY = "grpc-retry-pushback-ms"
NO_RETRY = "-1"

UNEXPECTED = "The device failed on this request; its log says more."


def status_of(error: LintelError) -> status_pb2.Status:
    """Builds the google.rpc.Status of an error.

    It has an ErrorInfo always, a BadRequest where the error names a field, and a RetryInfo
    where it names a time to wait.
    """
    details: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=error.reason, domain=ERROR_DOMAIN, metadata=error.metadata
        )
    ]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.message
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(error.retry_after_s * 1000))
        details.append(retry)
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    code: int = grpc.StatusCode[error.code].value[0]
    return status_pb2.Status(code=code, message=error.message, details=packed)


def abort(
    context: grpc.ServicerContext, error: LintelError, metadata: tuple[tuple[str, str], ...] = ()
) -> NoReturn:
    """Ends the call with the status of `error`.

    Args:
        context: The call to end.
        error: What the caller is told.
        metadata: Further trailing metadata.
    """
    trailers: list[tuple[str, str | bytes]] = [
        *metadata,
        (DETAILS_KEY, status_of(error).SerializeToString()),
    ]
    if error.retry_after_s is not None:
        trailers.append((PUSHBACK_KEY, str(round(error.retry_after_s * 1000))))
    elif error.code == "RESOURCE_EXHAUSTED":
        # Clients that retry what is exhausted are told that it does not come back by itself.
        trailers.append((PUSHBACK_KEY, NO_RETRY))
    context.set_trailing_metadata(tuple(trailers))
    context.abort(grpc.StatusCode[error.code], error.message)
