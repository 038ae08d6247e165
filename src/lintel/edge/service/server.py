"""The gRPC server: put together, warmed up, drained."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from lintel.edge.config import MEBIBYTE, Server, Settings
from lintel.edge.errors import LintelError, SettingsInvalidError
from lintel.edge.forecasts import Forecasts
from lintel.edge.runtime import Runtime
from lintel.edge.series import Recorder, open_recorder
from lintel.edge.service import access, logs
from lintel.edge.service.admission import Admission, Rooms
from lintel.edge.service.calls import PROBES, CallInterceptor, CallLog, Observer
from lintel.edge.service.door import Door
from lintel.edge.service.faces import FaceServicer
from lintel.edge.service.forecast import ForecastServicer
from lintel.edge.service.health import SERVICE_NAME as HEALTH_SERVICE
from lintel.edge.service.health import HealthServicer
from lintel.edge.service.inference import InferenceServicer
from lintel.edge.service.masks import MaskServicer
from lintel.edge.service.memory import limit_library_threads, tune_allocator
from lintel.edge.service.messages import CallLimits
from lintel.edge.service.series import SeriesServicer
from lintel.edge.service.slow_callers import SlowCallers
from lintel.edge.service.statistics import StatisticsServicer
from lintel.edge.service.video import VideoServicer
from lintel.edge.workbench import Workbench
from lintel.inference import open_inference_pb2, open_inference_pb2_grpc
from lintel.v1 import (
    camera_pb2,
    event_pb2,
    face_pb2,
    face_pb2_grpc,
    forecast_pb2,
    forecast_pb2_grpc,
    mask_pb2,
    mask_pb2_grpc,
    series_pb2,
    series_pb2_grpc,
    statistics_pb2,
    statistics_pb2_grpc,
    video_pb2,
    video_pb2_grpc,
)

if TYPE_CHECKING:
    from lintel.edge.page import Page

logger = logging.getLogger("lintel.service")

SERVICES = tuple(
    file.services_by_name[name].full_name
    for file, name in (
        (face_pb2.DESCRIPTOR, "FaceService"),
        (mask_pb2.DESCRIPTOR, "MaskService"),
        (statistics_pb2.DESCRIPTOR, "StatisticsService"),
        (video_pb2.DESCRIPTOR, "VideoService"),
        (series_pb2.DESCRIPTOR, "SeriesService"),
        (forecast_pb2.DESCRIPTOR, "ForecastService"),
        (camera_pb2.DESCRIPTOR, "CameraService"),
        (event_pb2.DESCRIPTOR, "EventService"),
        (open_inference_pb2.DESCRIPTOR, "GRPCInferenceService"),
    )
)
FACE_SERVICE, MASK_SERVICE = SERVICES[:2]
SERIES_SERVICE = series_pb2.DESCRIPTOR.services_by_name["SeriesService"].full_name
DOOR_SERVICES = {
    camera_pb2.DESCRIPTOR.services_by_name["CameraService"].full_name,
    event_pb2.DESCRIPTOR.services_by_name["EventService"].full_name,
}
# Calls that may wait to be refused or to probe. Beyond, gRPC refuses them itself at once, without
# details: in a flood a prompt answer and bounded memory are worth more than the hint.
WAITING_TO_BE_REFUSED = 32
# Calls that have arrived and that Python has not seen yet. gRPC cancels some of those beyond a
# thousand by default, and all beyond 3000, as if their callers had wanted it.
UNSEEN_CALLS = 3000
# What is worked on has had `server.drain_s` when the models are closed: what goes on, hangs.
MODELS_END_WITHIN_S = 3.0
# Only the owner and the group may connect to a Unix socket.
SOCKET_MODE = 0o660


class DeviceServer:
    """A device's server. Use it as a context manager, or call `start` and `stop`.

    Args:
        settings: All of the device's settings.

    Attributes:
        addresses: Where it listens, with the ports that were really bound.
        page: For browsers; None where the settings want none.

    Raises:
        SettingsInvalidError: An address, certificate or file of the settings is wrong.
        LintelError: The face model is missing or cannot run.
    """

    def __init__(self, settings: Settings) -> None:
        access.check_addresses(settings)
        credentials = access.server_credentials(settings.server.tls)
        self._settings = settings
        with ExitStack() as closing:
            self._put_together(settings, closing)
            try:
                self.addresses = tuple(
                    self._bind(address, index, credentials)
                    for index, address in enumerate(settings.server.listen)
                )
            except LintelError:
                # gRPC lets go of what is bound already only where it has been started.
                self._server.start()
                self._server.stop(None).wait()
                raise
            # From here on it is for `stop` to close what was opened.
            self._closing = closing.pop_all()

    def _put_together(self, settings: Settings, closing: ExitStack) -> None:
        """Opens the models and starts the threads; `closing` undoes it."""
        workers = settings.server.workers or len(os.sched_getaffinity(0))
        self._runtime = Runtime(settings, workers)
        closing.callback(self._runtime.close, MODELS_END_WITHIN_S)
        # What is counted is written before a model is waited for that may hang.
        self._recorder = open_recorder(settings.series)
        if self._recorder is not None:
            closing.callback(self._recorder.stop)
        self._admission = Admission(workers, settings.server.max_queue)
        closing.callback(self._admission.threads.close)
        self._workbench = Workbench(self._runtime, settings)
        self._forecasts = Forecasts(settings, self._runtime, self._recorder)
        closing.callback(self._forecasts.close)
        self._door = Door(settings, self._runtime, self._recorder, self._admission.camera_slot)
        closing.callback(self._door.stop)
        guard = access.Guard(settings.server.tokens)
        self.page = self._open_page(guard)
        if self.page is not None:
            closing.callback(self.page.stop)
        slow_callers = SlowCallers(
            settings.server.receive_timeout_s,
            settings.server.send_timeout_s,
            self._admission.threads.stand_in,
        )
        closing.callback(slow_callers.stop)
        rooms = Rooms.of(settings.server.max_streams)
        closing.callback(rooms.close)
        self._health = HealthServicer(("", *SERVICES))
        self._interceptor = CallInterceptor(
            self._admission,
            guard,
            slow_callers,
            rooms,
            message_bytes(settings.server),
            self._start_metrics(closing),
        )
        closing.callback(self._interceptor.close)
        self._server = grpc.server(
            # Declared narrower than it is: gRPC only submits.
            self._admission.threads,  # type: ignore[arg-type]
            interceptors=[self._interceptor],
            options=channel_options(settings.server),
            maximum_concurrent_rpcs=self._admission.capacity
            + PROBES
            + 3 * settings.server.max_streams
            + WAITING_TO_BE_REFUSED,
        )
        self._video = VideoServicer(
            self._workbench, self._admission, message_bytes(settings.server)
        )
        self._add_services()

    @property
    def in_flight(self) -> int:
        """Unary calls at work or waiting for it."""
        return self._admission.in_flight

    def start(self) -> None:
        """Listens, warms the models up, and only then says SERVING.

        Raises:
            LintelError: A model failed its first run; the server is then stopped.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self._server.start()
        for address in self.addresses:
            if address.startswith("unix:") and not address.startswith("unix:@"):
                Path(address.removeprefix("unix:")).chmod(SOCKET_MODE)
        self._runtime.warm_up()
        if self._recorder is not None:
            _start_recorder(self._recorder)
        self._door.start()
        if self.page is not None:
            self.page.start()
        self._interceptor.ready = True
        unserved = set() if self._runtime.finds_faces else {FACE_SERVICE}
        if not self._runtime.judges_masks:
            unserved.add(MASK_SERVICE)
            if mask_model := self._settings.masks.model:
                logger.warning(
                    "the mask model cannot be used: no masks are judged",
                    extra={"model": mask_model},
                )
        unserved |= {SERIES_SERVICE} if self._recorder is None else set()
        unserved |= DOOR_SERVICES if self._door.pipeline is None else set()
        self._health.start_serving({"", *SERVICES} - unserved)
        logger.info("serving", extra={"addresses": ", ".join(self.addresses)})

    def stop(self) -> None:
        """Refuses new calls, lets those in flight finish within `server.drain_s`, and closes."""
        logger.info("draining", extra={"in_flight": self._admission.in_flight})
        self._health.drain()
        self._video.drain()
        self._door.stop()
        self._server.stop(self._settings.server.drain_s).wait()
        self._interceptor.ready = False
        self._closing.close()
        logger.info("stopped")

    def __enter__(self) -> DeviceServer:
        """Starts the server."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops the server."""
        self.stop()

    def _open_page(self, guard: access.Guard) -> Page | None:
        if self._settings.page.address == "":
            return None
        # It costs memory and start-up time; only those who want it pay.
        from lintel.edge.page import Page, Sources  # noqa: PLC0415

        sources = Sources(self._door.pipeline, self._runtime, self._recorder, self._forecasts)
        return Page(
            self._settings,
            sources,
            lambda token: guard.check("watch", (("authorization", f"Bearer {token}"),)),
        )

    def _start_metrics(self, closing: ExitStack) -> tuple[Observer, ...]:
        address = self._settings.metrics.listen
        log = CallLog()
        if not address:
            return (log.observe,)
        # The page costs memory and start-up time; only those who want it pay.
        from lintel.edge.service.metrics import Metrics  # noqa: PLC0415

        metrics = Metrics(self._admission, self._runtime, self._door)
        page, thread = metrics.listen(address)
        closing.callback(thread.join)
        closing.callback(page.server_close)
        closing.callback(page.shutdown)
        return (log.observe, metrics.observe)

    def _add_services(self) -> None:
        server = self._server
        limits = CallLimits(
            self._settings.images.max_per_call, message_bytes(self._settings.server)
        )
        face_pb2_grpc.add_FaceServiceServicer_to_server(
            FaceServicer(self._workbench, limits), server
        )
        mask_pb2_grpc.add_MaskServiceServicer_to_server(
            MaskServicer(self._workbench, limits), server
        )
        statistics_pb2_grpc.add_StatisticsServiceServicer_to_server(
            StatisticsServicer(self._workbench, limits), server
        )
        video_pb2_grpc.add_VideoServiceServicer_to_server(self._video, server)
        series_pb2_grpc.add_SeriesServiceServicer_to_server(SeriesServicer(self._recorder), server)
        forecast_pb2_grpc.add_ForecastServiceServicer_to_server(
            ForecastServicer(self._forecasts, self._admission.workers), server
        )
        self._door.add_to(server)
        open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
            InferenceServicer(self._runtime, lambda: self._interceptor.ready), server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._settings.server.reflection:
            names = (*SERVICES, HEALTH_SERVICE, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, server)

    def _bind(self, address: str, index: int, credentials: grpc.ServerCredentials | None) -> str:
        is_unix = address.startswith("unix:")
        try:
            if is_unix:
                with access.free_socket(address.removeprefix("unix:")):
                    self._server.add_insecure_port(address)
                return address
            if credentials is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials)
        except (OSError, RuntimeError) as error:
            raise SettingsInvalidError(
                f"The address {address} cannot be listened on; is another server there?",
                field=f"server.listen[{index}]",
            ) from error
        return f"{address.rpartition(':')[0]}:{port}"


def _start_recorder(recorder: Recorder) -> None:
    """Opens the store of series; where that fails, all else is served, and it is tried again."""
    try:
        recorder.store.open()
    except LintelError as error:
        logger.error("The store of series cannot be opened: %s", error)
    recorder.start()


def message_bytes(settings: Server) -> int:
    """Returns the size of the largest message, either way."""
    return settings.max_message_mib * MEBIBYTE


def channel_options(settings: Server) -> list[tuple[str, int]]:
    """Returns gRPC's own settings for a server."""
    limit = message_bytes(settings)
    options = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
        ("grpc.keepalive_time_ms", round(settings.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        # Connections that open and stay silent would hold file descriptors.
        ("grpc.server_handshake_timeout_ms", round(settings.receive_timeout_s * 1000)),
        ("grpc.server.max_pending_requests", UNSEEN_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", UNSEEN_CALLS),
        # Two servers on one port would share its calls and look broken at random.
        ("grpc.so_reuseport", 0),
    ]
    if settings.connection_age_s:
        options += [
            ("grpc.max_connection_age_ms", round(settings.connection_age_s * 1000)),
            ("grpc.max_connection_age_grace_ms", round(settings.drain_s * 1000)),
        ]
    return options


def serve(settings: Settings, announce: Callable[[tuple[str, ...], str], None]) -> None:
    """Runs the server until SIGTERM or SIGINT, then drains it.

    Args:
        settings: All of the device's settings.
        announce: Told the addresses, and that of the page or "", once the device is serving.

    Raises:
        LintelError: The server cannot start; the message says why.
    """
    logs.configure(settings.log)
    limit_library_threads()
    tune_allocator()
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    with DeviceServer(settings) as server:
        announce(server.addresses, server.page.url if server.page is not None else "")
        asked_to_stop.wait()
