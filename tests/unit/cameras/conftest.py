"""What the tests of cameras share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.camera_servers import MotionJpegServer, RtspServer, rtsp_is_missing, rtsp_server


@pytest.fixture
def motion_jpeg() -> Iterator[MotionJpegServer]:
    """A network camera of motion JPEG, 160x120."""
    with MotionJpegServer() as server:
        yield server


@pytest.fixture(scope="session")
def rtsp() -> Iterator[RtspServer]:
    """A network camera of RTSP, 320x240 at 15 frames a second."""
    if missing := rtsp_is_missing():
        pytest.skip(missing)
    with rtsp_server() as server:
        yield server
