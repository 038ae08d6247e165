"""What happens around every call, so that servicers only translate.

One wrapper sees to access, admission, deadlines, errors, metrics and logs. Unary methods are
received as streams of one message: on the wire nothing differs; here it means that a call can
be refused before its bytes are read, and that a caller who sends slowly is noticed (see
`SlowCallers`) instead of holding a thread for good.
"""

from __future__ import annotations

import itertools
import logging
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from lintel.edge.config import Role
from lintel.edge.errors import (
    CancelledError,
    InvalidArgumentError,
    LintelError,
    NotServingError,
    OverloadedError,
    ResultTooLargeError,
)
from lintel.edge.service.access import Guard, role_for
from lintel.edge.service.admission import Admission, Rooms, StreamRoom
from lintel.edge.service.slow_callers import SlowCallers
from lintel.edge.service.status import UNEXPECTED, abort
from lintel.edge.service.threads import ProbeThreads, refusing

logger = logging.getLogger("lintel.calls")

REQUEST_ID_KEY = "x-request-id"
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# Probes and descriptions, which are answered in every state of the device and under any load.
ALWAYS_ANSWERED = (
    "/grpc.health.v1.",
    "/grpc.reflection.",
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
    "/inference.GRPCInferenceService/ModelReady",
)


@dataclass(slots=True)
class CallRecord:
    """What is told of a finished call to metrics and logs.

    Attributes:
        method: Full name, such as "/lintel.v1.FaceService/DetectFaces".
        code: Name of the gRPC status code.
        queue_s: Seconds from arrival to the start of work; 0 where it never started.
        work_s: Seconds at work.
    """

    method: str
    request_id: str
    code: str = "OK"
    reason: str = ""
    queue_s: float = 0.0
    work_s: float = 0.0
    arrived_s: float = field(default_factory=time.monotonic)


# Levels of calls by how they ended; all others, the callers' mistakes, are told at info.
LEVELS = {
    "OK": logging.DEBUG,
    "RESOURCE_EXHAUSTED": logging.DEBUG,
    "CANCELLED": logging.DEBUG,
    "INTERNAL": logging.ERROR,
    "UNKNOWN": logging.ERROR,
}
# Probes are answered in a moment, and their requests are a few bytes: who takes longer to send one
# keeps others from being answered. They may come from anyone, with no token.
PROBE_THREADS, PROBES, PROBE_RECEIVE_S = 16, 32, 1.0
REFUSALS_TOLD_EVERY_S = 10.0


Observer = Callable[[CallRecord], None]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class CallInterceptor(grpc.ServerInterceptor):
    """Wraps every method of the server.

    Args:
        admission: The gate before unary work.
        guard: Checks tokens.
        slow_callers: Watches over requests being received and replies being sent.
        rooms: For streams.
        message_bytes: The largest reply.
        observers: Told of every finished call.
    """

    def __init__(
        self,
        admission: Admission,
        guard: Guard,
        slow_callers: SlowCallers,
        rooms: Rooms,
        message_bytes: int,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        self.ready = False
        self._admission = admission
        self._guard = guard
        self._slow_callers = slow_callers
        self._rooms = rooms
        self._message_bytes = message_bytes
        self._observers = observers
        self._probe_threads = ProbeThreads(PROBE_THREADS, PROBES)
        self._wrapped: dict[str, Handler] = {}
        self._run = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Returns the wrapped handler of a method; None where there is no such method."""
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = continuation(handler_call_details)
            if handler is None:
                return None
            wrapped = self._wrap(method, handler)
            self._wrapped[method] = wrapped
        return wrapped

    def close(self) -> None:
        """Lets the threads of probes go."""
        self._probe_threads.shutdown(wait=False)

    def _wrap(self, method: str, handler: Handler) -> Handler:
        role = role_for(method)
        if handler.unary_unary is not None:
            call: Any = self._unary(method, role, handler)
            if method.startswith(ALWAYS_ANSWERED):
                call.experimental_thread_pool = self._probe_threads
            return grpc.stream_unary_rpc_method_handler(call)
        if method.startswith(ALWAYS_ANSWERED):
            room = self._rooms.watchers
        elif handler.unary_stream is None:
            room = self._rooms.streams
        else:
            room = self._rooms.followers
        behaviour: Any = self._stream(method, role, handler, room)
        behaviour.experimental_thread_pool = room.threads
        return grpc.stream_stream_rpc_method_handler(behaviour)

    def _unary(
        self, method: str, role: Role | None, handler: Handler
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        behaviour, deserialize, serialize = _parts(handler, handler.unary_unary)
        always_answered = method.startswith(ALWAYS_ANSWERED)

        def call(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            by_worker, timeout_s = not always_answered, PROBE_RECEIVE_S if always_answered else None
            requests = self._received(messages, deserialize, context, by_worker, timeout_s)
            with self._recorded(method, role, context) as record:
                if always_answered:
                    if refusing():
                        raise self._admission.overloaded()
                    response: bytes = serialize(behaviour(_only(requests), context))
                    return response
                self._refuse_unless_ready()
                if refusing():
                    raise self._admission.overloaded()
                try:
                    request = _only(requests)
                    with self._admission.slot(context):
                        started = time.monotonic()
                        record.queue_s = started - record.arrived_s
                        try:
                            response = self._sendable(serialize(behaviour(request, context)))
                        finally:
                            record.work_s = time.monotonic() - started
                finally:
                    self._admission.threads.leave()
                return response

        return call

    def _stream(
        self, method: str, role: Role | None, handler: Handler, room: StreamRoom
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
        one = handler.unary_stream is not None
        behaviour, deserialize, serialize = _parts(
            handler, handler.unary_stream if one else handler.stream_stream
        )
        always_answered = method.startswith(ALWAYS_ANSWERED)

        def call(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            with self._recorded(method, role, context) as record:
                if not always_answered:
                    self._refuse_unless_ready()
                with room.place():
                    requests = self._received(messages, deserialize, context, False)
                    for response in behaviour(_only(requests) if one else requests, context):
                        data = self._sendable(serialize(response))
                        # Ends when gRPC asks for the next: all of this one is then on its way.
                        with self._slow_callers.sending(context):
                            yield data
                    record.work_s = time.monotonic() - record.arrived_s

        return call

    def _sendable(self, reply: bytes) -> bytes:
        """Passes a reply on that gRPC will send; of others it would tell the caller alone.

        Raises:
            ResultTooLargeError: It is too large.
        """
        if len(reply) > self._message_bytes:
            raise ResultTooLargeError(len(reply), self._message_bytes)
        return reply

    def _received(
        self,
        messages: Iterator[bytes],
        deserialize: Callable[[bytes], Any],
        context: grpc.ServicerContext,
        by_worker: bool,
        timeout_s: float | None = None,
    ) -> Iterator[Any]:
        """Yields a call's requests as they arrive; the first must do so in time.

        Raises:
            InvalidArgumentError: The bytes are no message.
            CancelledError: The caller has gone, or took too long.
        """
        try:
            with self._slow_callers.receiving(context, by_worker=by_worker, timeout_s=timeout_s):
                first = next(messages, None)
            if first is not None:
                yield _parse(deserialize, first)
            for message in messages:
                yield _parse(deserialize, message)
        except grpc.RpcError as error:
            raise CancelledError("The caller went away before all had arrived.") from error

    @contextmanager
    def _recorded(
        self, method: str, role: Role | None, context: grpc.ServicerContext
    ) -> Iterator[CallRecord]:
        """Checks access, turns errors into statuses, and tells the observers how it ended."""
        metadata = context.invocation_metadata()
        sent_id = _request_id(metadata)
        record = CallRecord(method, sent_id or f"{self._run}-{next(self._numbers)}")
        trailers = ((REQUEST_ID_KEY, record.request_id),)
        try:
            self._guard.check(role, metadata)
            yield record
            if sent_id:
                context.set_trailing_metadata(trailers)
        except LintelError as error:
            record.code, record.reason = error.code, error.reason
            abort(context, error, trailers)
        except GeneratorExit:
            record.code = "CANCELLED"
            raise
        except Exception:
            record.code, record.reason = LintelError.code, LintelError.reason
            logger.exception("call failed unexpectedly", extra={"request_id": record.request_id})
            abort(context, LintelError(UNEXPECTED), trailers)
        finally:
            for observe in self._observers:
                observe(record)

    def _refuse_unless_ready(self) -> None:
        if not self.ready:
            raise NotServingError("The device is starting or shutting down.", retry_after_s=0.5)


def _parts(
    handler: Handler, behaviour: Callable[[Any, Any], Any] | None
) -> tuple[Callable[[Any, Any], Any], Callable[[bytes], Any], Callable[[Any], bytes]]:
    """Takes a generated handler apart; it has all three."""
    deserialize, serialize = handler.request_deserializer, handler.response_serializer
    if behaviour is None or deserialize is None or serialize is None:
        raise TypeError("a handler without its serializers was registered")
    return behaviour, deserialize, serialize


def _request_id(metadata: Any) -> str:
    """Returns the id that the caller gave its request, "" where it could harm a log."""
    for key, value in metadata:
        if key == REQUEST_ID_KEY and REQUEST_ID.fullmatch(str(value)):
            return str(value)
    return ""


def _only(requests: Iterator[Any]) -> Any:
    """Receives the one message of a unary call."""
    for request in requests:
        return request
    raise InvalidArgumentError("The call carries no message.")


def _parse(deserialize: Callable[[bytes], Any], message: bytes) -> Any:
    try:
        return deserialize(message)
    except DecodeError as error:
        raise InvalidArgumentError("The bytes are not a message of this method.") from error


class CallLog:
    """Writes a line a call: failures of the device loud, those of callers at info.

    Refusals of an overloaded device are counted instead, and their number told now and then: a
    flood of calls must not become a flood of lines on an SD card.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused = 0
        self._told_s = -math.inf

    def observe(self, record: CallRecord) -> None:
        """Writes what is worth a line."""
        if record.reason == OverloadedError.reason:
            self._count_refusal()
        level = LEVELS.get(record.code, logging.INFO)
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "call",
                extra={
                    "request_id": record.request_id,
                    "method": record.method,
                    "code": record.code,
                    "reason": record.reason,
                    "queue_ms": round(record.queue_s * 1000, 3),
                    "work_ms": round(record.work_s * 1000, 3),
                },
            )

    def _count_refusal(self) -> None:
        with self._lock:
            self._refused += 1
            now = time.monotonic()
            if now - self._told_s < REFUSALS_TOLD_EVERY_S:
                return
            refused, self._refused, self._told_s = self._refused, 0, now
        logger.warning("the device is at its limit", extra={"refused": refused})
