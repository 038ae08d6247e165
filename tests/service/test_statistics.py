"""lintel.v1.StatisticsService, through a real channel."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message

from lintel.edge.images import ImageFormat, encode
from lintel.edge.service import DeviceServer
from lintel.v1 import image_pb2, statistics_pb2, statistics_pb2_grpc

Details = Callable[[grpc.RpcError], dict[str, Message]]


@pytest.fixture
def statistics(channel: grpc.Channel) -> statistics_pb2_grpc.StatisticsServiceStub:
    return statistics_pb2_grpc.StatisticsServiceStub(channel)


def test_a_picture_is_measured_exactly(
    statistics: statistics_pb2_grpc.StatisticsServiceStub,
) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (37, 53, 3), np.uint8)
    request = statistics_pb2.ComputeImageStatisticsRequest(
        images=[image_pb2.Image(encoded=encode(pixels, ImageFormat.PNG))]
    )
    measured = statistics.ComputeImageStatistics(request).results[0].statistics
    grey = pixels.astype(np.float64) @ [0.1140, 0.5870, 0.2989]
    assert (measured.width, measured.height, measured.pixel_count) == (53, 37, 53 * 37)
    assert measured.bit_depth == 8
    assert measured.grey.channel == statistics_pb2.CHANNEL_GREY
    assert measured.grey.mean == pytest.approx(grey.mean(), rel=1e-9)
    assert measured.grey.standard_deviation == pytest.approx(grey.std(), rel=1e-9)
    assert measured.grey.minimum == pytest.approx(grey.min(), abs=1e-6)
    assert measured.grey.maximum == pytest.approx(grey.max(), abs=1e-6)
    assert [channel.channel for channel in measured.channels] == [
        statistics_pb2.CHANNEL_RED,
        statistics_pb2.CHANNEL_GREEN,
        statistics_pb2.CHANNEL_BLUE,
    ]
    assert measured.channels[0].mean == pytest.approx(pixels[:, :, 2].mean())
    assert sum(measured.channels[2].histogram) == 53 * 37


def test_a_picture_that_cannot_be_measured_fails_alone(
    statistics: statistics_pb2_grpc.StatisticsServiceStub, plain_jpeg: bytes
) -> None:
    pictures = [image_pb2.Image(encoded=data) for data in (b"not a picture", plain_jpeg)]
    response = statistics.ComputeImageStatistics(
        statistics_pb2.ComputeImageStatisticsRequest(images=pictures)
    )
    outcomes = [result.WhichOneof("outcome") for result in response.results]
    assert outcomes == ["error", "statistics"]


def test_a_reply_that_is_too_large_all_the_same_is_refused_with_details(
    start_device: Callable[..., DeviceServer], details_of: Details
) -> None:
    # So many pictures that even the errors of those whose results do not fit are too much.
    device = start_device({"server": {"max_message_mib": 1}, "images": {"max_per_call": 4096}})
    pixel = image_pb2.Image(encoded=encode(np.zeros((1, 1), np.uint8), ImageFormat.PNG))
    request = statistics_pb2.ComputeImageStatisticsRequest(images=[pixel] * 4096)
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = statistics_pb2_grpc.StatisticsServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ComputeImageStatistics(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(caught.value)["ErrorInfo"].reason == "RESULT_TOO_LARGE"
