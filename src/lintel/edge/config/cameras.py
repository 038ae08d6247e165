"""The settings of a camera."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from lintel.edge.config.pipeline import CountingLine, CountingZone
from lintel.edge.config.section import Section


class Camera(Section, frozen=True):
    """A camera, or what stands in for one."""

    name: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9][a-z0-9_-]{0,63}$",
            description="What it is called: small letters, digits, - and _.",
        ),
    ]
    source: Annotated[
        str,
        Meta(
            min_length=1,
            description='Where frames come from: "auto" (the first camera that answers),'
            ' "picamera", "jetson", "/dev/video0", "rtsp://...", "http://..." (motion JPEG),'
            ' "gstreamer:PIPELINE", "synthetic", or a clip or a folder to replay.',
        ),
    ] = "auto"
    width: Annotated[
        int, Meta(ge=16, le=8192, description="Pixels in a row that are asked for.")
    ] = 1280
    height: Annotated[int, Meta(ge=16, le=8192, description="Rows that are asked for.")] = 720
    frame_rate_hz: Annotated[
        float, Meta(gt=0, le=240, description="Frames a second that are asked for.")
    ] = 15.0
    small_width: Annotated[
        int,
        Meta(
            ge=0,
            le=8192,
            description="Pixels in a row of the small copy for detection, where the camera makes"
            " one; 0: none.",
        ),
    ] = 640
    exposure_us: Annotated[
        int,
        Meta(ge=0, le=10_000_000, description="Exposure in microseconds; 0: the camera decides."),
    ] = 0
    rotation: Annotated[
        Literal[0, 90, 180, 270],
        Meta(description="Degrees, clockwise, that frames are turned by: 0, 90, 180 or 270."),
    ] = 0
    decoding: Annotated[
        Literal["software", "hardware"],
        Meta(description="What decodes RTSP; hardware goes by GStreamer."),
    ] = "software"
    credentials_file: Annotated[
        str,
        Meta(description="File with USER:PASSWORD for rtsp:// and http://, in place of the URL."),
    ] = ""
    replay: Annotated[
        Literal["real-time", "fastest"],
        Meta(
            description="How clips, folders and synthetic pictures are played: at their own pace,"
            " or every frame as fast as it is worked on."
        ),
    ] = "real-time"
    loop: Annotated[bool, Meta(description="Begin clips and folders anew at their end.")] = True
    open_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="Seconds that the first frame may take.")
    ] = 10.0
    stall_timeout_s: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds without a frame until the camera is opened anew."),
    ] = 1.5
    reopen_longest_s: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="Longest wait before a lost camera is tried again; waits begin at a"
            " quarter of a second and double.",
        ),
    ] = 1.0
    lines: Annotated[
        tuple[CountingLine, ...],
        Meta(
            max_length=8,
            description="Lines that people are counted at, each under [[cameras.lines]].",
        ),
    ] = ()
    zones: Annotated[
        tuple[CountingZone, ...],
        Meta(
            max_length=8,
            description="Zones that people are counted at, each under [[cameras.zones]].",
        ),
    ] = ()
