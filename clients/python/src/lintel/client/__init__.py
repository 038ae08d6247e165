"""The Python client of a Lintel device: `Client`, and `AsyncClient` for asyncio."""

from lintel.client.aio import AsyncClient
from lintel.client.calls import BlurMethod, BlurOptions, BlurShape, DetectionOptions, OutputFormat
from lintel.client.cameras import Camera, CameraFrame, CameraState
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
from lintel.client.events import Event, EventKind
from lintel.client.forecasts import (
    Backtest,
    Forecast,
    ForecastOptions,
    History,
    ModelScore,
    Regressor,
)
from lintel.client.frames import FrameResult, Timings
from lintel.client.mask_classifier import FaceMaskClassifier
from lintel.client.masks import Boxes, MaskOptions
from lintel.client.moments import Moment, Moments
from lintel.client.outputs import BlurredPicture, OutputPicture
from lintel.client.pictures import Frame, Picture, PixelFormat
from lintel.client.results import (
    Box,
    ChannelName,
    ChannelStatistics,
    Face,
    FaceDetections,
    ImageStatistics,
    MaskState,
    MaskVerdict,
)
from lintel.client.series import Count, Counts, Resolution, Series, SeriesSummary
from lintel.client.video import DropPolicy, VideoInput, VideoOptions, VideoTask

__all__ = [
    "AsyncClient",
    "Backtest",
    "BlurMethod",
    "BlurOptions",
    "BlurShape",
    "BlurredPicture",
    "Box",
    "Boxes",
    "Camera",
    "CameraFrame",
    "CameraState",
    "ChannelName",
    "ChannelStatistics",
    "Client",
    "Count",
    "Counts",
    "DeadlineExceededError",
    "DetectionOptions",
    "DropPolicy",
    "Event",
    "EventKind",
    "Face",
    "FaceDetections",
    "FaceMaskClassifier",
    "Forecast",
    "ForecastOptions",
    "Frame",
    "FrameResult",
    "History",
    "ImageStatistics",
    "InternalError",
    "InvalidArgumentError",
    "LintelError",
    "MaskOptions",
    "MaskState",
    "MaskVerdict",
    "ModelScore",
    "Moment",
    "Moments",
    "NotFoundError",
    "OutputFormat",
    "OutputPicture",
    "OverloadedError",
    "PermissionDeniedError",
    "Picture",
    "PixelFormat",
    "Regressor",
    "Resolution",
    "Series",
    "SeriesSummary",
    "Timings",
    "UnauthenticatedError",
    "UnavailableError",
    "VideoInput",
    "VideoOptions",
    "VideoTask",
]
