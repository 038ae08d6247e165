"""Callers that stay silent, or leave."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lintel.edge.service import DeviceServer

StartDevice = Callable[..., DeviceServer]

STREAMS = [
    "/lintel.v1.VideoService/ProcessVideo",
    "/inference.GRPCInferenceService/ModelStreamInfer",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
]
WATCH = "/grpc.health.v1.Health/Watch"
DEADLINE_S = 20.0


@pytest.fixture
def silence() -> Iterator[Callable[[], Iterator[bytes]]]:
    """Makes requests that never come, until the test is over."""
    over = threading.Event()

    def requests() -> Iterator[bytes]:
        over.wait()
        yield from ()

    yield requests
    over.set()


@pytest.mark.parametrize("method", [*STREAMS, WATCH])
def test_a_stream_whose_first_message_never_comes_is_let_go(
    start_device: StartDevice, silence: Callable[[], Iterator[bytes]], method: str
) -> None:
    device = start_device({"server": {"receive_timeout_s": 0.2}})
    with (
        grpc.insecure_channel(device.addresses[0]) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        list(channel.stream_stream(method)(silence(), timeout=DEADLINE_S))
    assert caught.value.code() is grpc.StatusCode.CANCELLED


def test_silent_watchers_do_not_keep_others_from_watching(
    start_device: StartDevice, silence: Callable[[], Iterator[bytes]]
) -> None:
    device = start_device({"server": {"receive_timeout_s": 0.2}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        silent = [channel.stream_stream(WATCH)(silence()) for _ in range(6)]
        watch = health_pb2_grpc.HealthStub(channel).Watch
        changes = watch(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)
        assert next(changes).status == health_pb2.HealthCheckResponse.SERVING
        changes.cancel()
        for call in silent:
            call.cancel()


def test_watchers_are_bounded_and_make_room_when_they_leave(
    start_device: StartDevice, wait: Callable[..., None]
) -> None:
    device = start_device({"server": {"max_streams": 3}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch

        def one() -> Any:
            return watch(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)

        watching = [one() for _ in range(3)]
        for changes in watching:
            next(changes)
        with pytest.raises(grpc.RpcError) as caught:
            next(one())
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        watching.pop().cancel()

        def is_let_in() -> bool:
            try:
                watching.append(one())
                return bool(next(watching[-1]))
            except grpc.RpcError:
                return False

        wait(is_let_in, "room for one more watcher")
        for changes in watching:
            changes.cancel()


def test_watchers_that_come_and_go_do_not_stop_the_device(start_device: StartDevice) -> None:
    device = start_device({"server": {"max_streams": 16}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        def come_and_go(_: int) -> None:
            for number in range(60):
                changes = health.Watch(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)
                if number % 2:
                    # Refused where the others have not left yet.
                    with contextlib.suppress(grpc.RpcError):
                        next(changes)
                changes.cancel()

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(come_and_go, range(6)))
        reply = health.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_a_watcher_does_not_hold_up_the_drain(start_device: StartDevice) -> None:
    device = start_device({"server": {"drain_s": 600.0}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        changes = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(changes).status == health_pb2.HealthCheckResponse.SERVING
        device.stop()
        assert next(changes).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(changes)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("method", STREAMS)
def test_a_caller_that_leaves_a_stream_is_no_failure_of_the_device(
    start_device: StartDevice,
    silence: Callable[[], Iterator[bytes]],
    wait: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    caplog.set_level(logging.DEBUG, "lintel")
    device = start_device()
    with grpc.insecure_channel(device.addresses[0]) as channel:
        calls = [channel.stream_stream(method)(silence()) for _ in range(3)]
        room = "watchers" if "reflection" in method else "streams"
        wait(lambda: threads_of(room) >= 3, "three streams to begin")
        for call in calls:
            call.cancel()
        wait(lambda: len(calls_told(caplog)) == 3, "three streams to end")
    assert {record.code for record in calls_told(caplog)} == {"CANCELLED"}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def threads_of(prefix: str) -> int:
    return sum(thread.name.startswith(prefix) for thread in threading.enumerate())


def calls_told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "lintel.calls"]
