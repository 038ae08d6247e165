"""What happens around every call, so that servicers only translate.

One wrapper sees to access, admission, deadlines, errors, metrics and logs. Unary methods are
received as streams of one message: on the wire nothing differs; here it means that a call can
be refused before its bytes are read, and that a caller who sends slowly is noticed (see
`SlowSenders`) instead of holding a thread for good.
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
from concurrent.futures import ThreadPoolExecutor
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
)
from lintel.edge.service.access import Guard, role_for
from lintel.edge.service.admission import Admission
from lintel.edge.service.status import UNEXPECTED, abort

logger = logging.getLogger("lintel.calls")

REQUEST_ID_KEY = "x-request-id"
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# Server-streaming and bidirectional methods of these are answered by gRPC's own servicers.
INFRASTRUCTURE = ("/grpc.health.v1.", "/grpc.reflection.")


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
REFUSALS_TOLD_EVERY_S = 10.0


Observer = Callable[[CallRecord], None]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class SlowSenders:
    """Cancels calls whose request has not arrived in time.

    One thread looks after all calls that are being received, instead of a timer each.

    Args:
        timeout_s: Seconds that a caller may take.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._receiving: dict[int, tuple[float, grpc.ServicerContext]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="slow-senders", daemon=True)
        self._thread.start()

    @contextmanager
    def watch(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Watches over a call while its request is received."""
        key = id(context)
        self._receiving[key] = (time.monotonic() + self._timeout_s, context)
        try:
            yield
        finally:
            del self._receiving[key]

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, self._timeout_s / 2)):
            now = time.monotonic()
            # A copy, made in one step under the interpreter's lock: calls come and go.
            for deadline, context in list(self._receiving.values()):
                if deadline < now:
                    context.cancel()


class CallInterceptor(grpc.ServerInterceptor):
    """Wraps every method of the server.

    Args:
        admission: The gate before unary work.
        guard: Checks tokens.
        slow_senders: Watches over requests being received.
        stream_threads: Threads for streams, which hold one for as long as they live, so that
            they never starve unary calls.
        max_streams: Streams open at a time.
        observers: Told of every finished call.
    """

    def __init__(
        self,
        admission: Admission,
        guard: Guard,
        slow_senders: SlowSenders,
        stream_threads: ThreadPoolExecutor,
        max_streams: int,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        self.ready = False
        self._admission = admission
        self._guard = guard
        self._slow_senders = slow_senders
        self._stream_threads = stream_threads
        self._streams = threading.BoundedSemaphore(max_streams)
        self._max_streams = max_streams
        self._observers = observers
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

    def _wrap(self, method: str, handler: Handler) -> Handler:
        role = role_for(method)
        if handler.unary_unary is not None:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, role, handler))
        if handler.stream_stream is not None:
            behaviour = self._stream(method, role, handler)
            behaviour.experimental_thread_pool = self._stream_threads  # type: ignore[attr-defined]
            return grpc.stream_stream_rpc_method_handler(behaviour)
        # Health's Watch, which brings its own thread pool and is open to all.
        return handler

    def _unary(
        self, method: str, role: Role | None, handler: Handler
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        behaviour, deserialize, serialize = _parts(handler, handler.unary_unary)
        infrastructure = method.startswith(INFRASTRUCTURE)

        def receive(messages: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            with self._slow_senders.watch(context):
                return _parse(deserialize, _only(messages))

        def call(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            with self._recorded(method, role, context) as record:
                if infrastructure:
                    response: bytes = serialize(behaviour(receive(messages, context), context))
                    return response
                self._refuse_unless_ready()
                self._admission.refuse_if_full()
                request = receive(messages, context)
                with self._admission.ticket(), self._admission.slot(context):
                    started = time.monotonic()
                    record.queue_s = started - record.arrived_s
                    try:
                        response = serialize(behaviour(request, context))
                    finally:
                        record.work_s = time.monotonic() - started
                return response

        return call

    def _stream(
        self, method: str, role: Role | None, handler: Handler
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
        behaviour, deserialize, serialize = _parts(handler, handler.stream_stream)
        infrastructure = method.startswith(INFRASTRUCTURE)

        def call(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            with self._recorded(method, role, context) as record:
                if not infrastructure:
                    self._refuse_unless_ready()
                with self._open_stream():
                    requests = (_parse(deserialize, message) for message in messages)
                    for response in behaviour(requests, context):
                        yield serialize(response)
                    record.work_s = time.monotonic() - record.arrived_s

        return call

    @contextmanager
    def _recorded(
        self, method: str, role: Role | None, context: grpc.ServicerContext
    ) -> Iterator[CallRecord]:
        """Checks access, turns errors into statuses, and tells the observers how it ended."""
        metadata = context.invocation_metadata()
        record = CallRecord(method, self._request_id(metadata))
        trailers = ((REQUEST_ID_KEY, record.request_id),)
        try:
            self._guard.check(role, metadata)
            yield record
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

    def _request_id(self, metadata: Any) -> str:
        """Takes over the caller's request id where it is harmless in a log, or makes one."""
        for key, value in metadata:
            if key == REQUEST_ID_KEY and REQUEST_ID.fullmatch(str(value)):
                return str(value)
        return f"{self._run}-{next(self._numbers)}"

    def _refuse_unless_ready(self) -> None:
        if not self.ready:
            raise NotServingError("The device is starting or shutting down.", retry_after_s=0.5)

    @contextmanager
    def _open_stream(self) -> Iterator[None]:
        if not self._streams.acquire(blocking=False):
            raise OverloadedError(
                f"The device is at its limit of {self._max_streams} streams; try again later.",
                retry_after_s=1.0,
            )
        try:
            yield
        finally:
            self._streams.release()


def _parts(
    handler: Handler, behaviour: Callable[[Any, Any], Any] | None
) -> tuple[Callable[[Any, Any], Any], Callable[[bytes], Any], Callable[[Any], bytes]]:
    """Takes a generated handler apart; it has all three."""
    deserialize, serialize = handler.request_deserializer, handler.response_serializer
    if behaviour is None or deserialize is None or serialize is None:
        raise TypeError("a handler without its serializers was registered")
    return behaviour, deserialize, serialize


def _only(messages: Iterator[bytes]) -> bytes:
    """Receives the one message of a unary call."""
    try:
        message = next(messages, None)
    except grpc.RpcError as error:
        raise CancelledError("The caller went away before its request had arrived.") from error
    if message is None:
        raise InvalidArgumentError("The call carries no message.")
    return message


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
