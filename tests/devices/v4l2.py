"""What `v4l2.sh` runs in the guest: /dev/video0 is read, taken away and given back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from lintel.edge.cameras import Fault, WatchedCamera, attached_cameras, open_camera, probe
from lintel.edge.config.cameras import Camera as CameraSettings

DEVICE = "/dev/video0"
DRIVER = Path("/sys/bus/platform/drivers/vivid")
# An emulated processor is slow.
PATIENCE_S = 120.0
BOUNDS = {"open_timeout_s": 60.0, "stall_timeout_s": 10.0}


def main() -> None:
    """Ends with "all is well", or with what is not."""
    told([(camera.source, camera.model) for camera in attached_cameras()] == [(DEVICE, "vivid")])
    for source, size in ((DEVICE, (640, 360)), (DEVICE, (1280, 720)), ("auto", (1280, 720))):
        width, height = size
        settings = CameraSettings(name="v", source=source, width=width, height=height, **BOUNDS)
        result = probe(settings, 3)
        told(result.fault is None and result.description == DEVICE)
        pixels = result.frame.pixels if result.frame else None
        told(pixels is not None and (pixels.width, pixels.height) == size)
        told(pixels is not None and pixels.to_picture().pixels.std() > 1)
    settings = CameraSettings(name="v", source=DEVICE, width=640, height=360, **BOUNDS)
    with WatchedCamera(settings, open_camera) as camera:
        told(camera.take(PATIENCE_S) is not None)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for count in range(1, 4):
            (DRIVER / "unbind").write_text("vivid.0")
            told(until(lambda: camera.status().fault is Fault.GONE))
            told(not Path(DEVICE).exists())
            (DRIVER / "bind").write_text("vivid.0")
            told(until(lambda count=count: camera.status().reopenings == count))  # type: ignore[misc]
        told(len(list(Path("/proc/self/fd").iterdir())) == before and camera.status().hanging == 0)
    say("all is well")


def until(condition: Callable[[], bool]) -> bool:
    """Waits for something to be so; tells whether it became so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def told(good: bool) -> None:
    """Ends the run where something is not as it should be."""
    line = sys._getframe(1).f_lineno
    say(f"line {line}: {'ok' if good else 'WRONG'}")
    if not good:
        sys.exit(1)


def say(text: str) -> None:
    """Writes a line that `v4l2.sh` looks for."""
    sys.stdout.write(f"v4l2: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
