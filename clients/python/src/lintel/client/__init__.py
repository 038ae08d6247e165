"""The Python client of a Lintel device: `Client`, and `AsyncClient` for asyncio."""

from lintel.client.aio import AsyncClient
from lintel.client.calls import BlurMethod, BlurOptions, BlurShape, DetectionOptions, OutputFormat
from lintel.client.client import Client
from lintel.client.errors import (
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    LintelError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from lintel.client.pictures import Frame, Picture, PixelFormat
from lintel.client.results import (
    BlurredPicture,
    Box,
    ChannelName,
    ChannelStatistics,
    Face,
    FaceDetections,
    FrameResult,
    ImageStatistics,
    OutputPicture,
    Timings,
)
from lintel.client.video import DropPolicy, VideoInput, VideoTask

__all__ = [
    "AsyncClient",
    "BlurMethod",
    "BlurOptions",
    "BlurShape",
    "BlurredPicture",
    "Box",
    "ChannelName",
    "ChannelStatistics",
    "Client",
    "DeadlineExceededError",
    "DetectionOptions",
    "DropPolicy",
    "Face",
    "FaceDetections",
    "Frame",
    "FrameResult",
    "ImageStatistics",
    "InternalError",
    "InvalidArgumentError",
    "LintelError",
    "NotFoundError",
    "OutputFormat",
    "OutputPicture",
    "OverloadedError",
    "PermissionDeniedError",
    "Picture",
    "PixelFormat",
    "Timings",
    "UnauthenticatedError",
    "UnavailableError",
    "VideoInput",
    "VideoTask",
]
