"""GStreamer pipelines as text: what comes before the sink that frames are taken from."""

from __future__ import annotations

from collections.abc import Callable

from lintel.edge.cameras.addresses import split_credentials
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import SettingsInvalidError

# With "appsink" in it, by which OpenCV finds it.
SINK = "lintel-appsink"
# One frame waits, and gives way to a newer one.
_APPSINK = f"appsink name={SINK} max-buffers=1 drop=true sync=false"
# Not I420, whose planes GStreamer pads each for itself.
_FORMATS = "{ NV12, BGR, RGB, GRAY8 }"

# The Jetson's decoder gives frames in memory of the GPU; the converter brings them out of it.
_NVIDIA_DECODER = "nvv4l2decoder"
_FROM_NVIDIA = "nvvidconv ! video/x-raw,format=NV12"


def jetson_pipeline(settings: CameraSettings, sensor: int) -> str:
    """Returns the pipeline of a camera on a Jetson's CSI connector.

    Args:
        settings: Of the camera.
        sensor: Number of the connector.
    """
    exposure = ""
    if settings.exposure_us:
        nanoseconds = settings.exposure_us * 1000
        exposure = f' aelock=true exposuretimerange="{nanoseconds} {nanoseconds}"'
    return (
        f"nvarguscamerasrc sensor-id={sensor}{exposure}"
        f" ! video/x-raw(memory:NVMM),width={settings.width},height={settings.height}"
        f",format=NV12,framerate={_fraction(settings.frame_rate_hz)}"
        f" ! {_FROM_NVIDIA} ! {_APPSINK}"
    )


def rtsp_pipeline(settings: CameraSettings, has_element: Callable[[str], bool]) -> str:
    """Returns the pipeline of an RTSP stream that is decoded in hardware.

    On a Jetson that is its own decoder. Elsewhere GStreamer chooses by rank, which puts decoders
    in hardware (VA-API, V4L2) before those in software.

    Args:
        settings: Of the camera.
        has_element: Tells whether GStreamer has an element of a name.

    Raises:
        SettingsInvalidError: The address or the credentials are wrong.
    """
    if has_element(_NVIDIA_DECODER):
        decoding = f"parsebin ! {_NVIDIA_DECODER} ! {_FROM_NVIDIA}"
    else:
        decoding = f"decodebin ! videoconvert ! video/x-raw,format={_FORMATS}"
    address, user, password = split_credentials(settings.source, settings.credentials_file)
    login = f" user-id={_quoted(user)} user-pw={_quoted(password)}" if user or password else ""
    timeout_us = round(settings.open_timeout_s * 1e6)
    return (
        f"rtspsrc location={_quoted(address)}{login} protocols=tcp latency=50"
        f" tcp-timeout={timeout_us} ! application/x-rtp,media=video ! {decoding} ! {_APPSINK}"
    )


def own_pipeline(text: str) -> str:
    """Returns a pipeline of the settings, which ends in raw video, with the sink behind it.

    Raises:
        SettingsInvalidError: It has a sink of its own, or is empty.
    """
    if not text.strip() or "appsink" in text:
        raise SettingsInvalidError(
            "A gstreamer: source is a pipeline that ends in raw video, without appsink.",
            field="source",
        )
    return f"{text.strip()} ! videoconvert ! video/x-raw,format={_FORMATS} ! {_APPSINK}"


def _fraction(frame_rate_hz: float) -> str:
    whole = round(frame_rate_hz)
    return f"{whole}/1" if whole == frame_rate_hz else f"{round(frame_rate_hz * 1000)}/1000"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
