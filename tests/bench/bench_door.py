"""A whole device with one camera and everything on: resident memory, and what it writes to disk.

`lintel serve` in a process of its own replays a 1280x720 recording of one face at 15 frames a
second, finds, follows, reads masks, counts over a line, keeps events and series, and streams
blurred pictures to a follower over gRPC. Every second its memory and the bytes that it has had
written to the disk are read from the system (`write_bytes` of /proc/PID/io: pages, so what an SD
card sees, less what its own file system adds). Rates leave out the first fifth.

    python -m tests.bench.bench_door [--seconds N] [--set TABLE]
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import cv2
import grpc
import numpy as np
from tests.bench.bench_pipeline import HEIGHT, WIDTH, read_pictures
from tests.bench.support import DeviceProcess, run_device

from lintel.v1 import camera_pb2, camera_pb2_grpc

MEMORY_TARGET_MB, DISK_TARGET_MB = 160, 10
RATE_HZ, LOOPS = 15, 25
SETTINGS = """
[[cameras]]
name = "door"
source = "{source}"
replay = "real-time"

[[cameras.lines]]
name = "sill"
start = [0.5, 0.0]
end = [0.5, 1.0]
inside = [0.9, 0.5]

[pipeline]
events_path = "{folder}/events.jsonl"

[series]
path = "{folder}/series.db"
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--source", help="another camera than the recording")
    parser.add_argument("--set", default="", help="further tables of the settings file")
    options = parser.parse_args()
    # Here, not where temporary files go: that may be memory, and nothing is written then.
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        clip = folder / "clip.avi"
        write_clip(clip)
        settings = SETTINGS.format(source=options.source or clip, folder=folder) + options.set
        with run_device(folder, settings) as device:
            samples, frames = watch(device, options.seconds)
    report(samples, frames)


def write_clip(path: Path) -> None:
    """Writes the recording, as motion JPEG."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, (WIDTH, HEIGHT))
    # Not opened anew every two seconds, as no camera would be.
    for pixels in read_pictures("bgr") * LOOPS:
        writer.write(pixels)
    writer.release()


def watch(device: DeviceProcess, seconds: int) -> tuple[np.ndarray, int]:
    """Returns memory and bytes written by second, and how many pictures were received."""
    samples: list[tuple[float, float, float]] = []
    with grpc.insecure_channel(device.unix) as channel:
        stub = camera_pb2_grpc.CameraServiceStub(channel)
        stream = stub.StreamFrames(camera_pb2.StreamFramesRequest(with_pictures=True))
        received = [0]

        def follow() -> None:
            try:
                for _ in stream:
                    received[0] += 1
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.CANCELLED:
                    raise

        follower = threading.Thread(target=follow)
        follower.start()
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            written = device.process.io_counters().write_bytes
            samples.append((passed, device.resident_mb(), written / 1e6))
            time.sleep(1)
        stream.cancel()
        follower.join()
    return np.array(samples), received[0]


def report(samples: np.ndarray, frames: int) -> None:
    passed, memory, written = samples.T
    steady = slice(len(samples) // 5, None)
    hours = (passed[-1] - passed[steady][0]) / 3600
    rate = (written[-1] - written[steady][0]) / hours
    print(f"{frames} blurred pictures received in {passed[-1]:.0f} s")
    print(
        f"memory {np.median(memory[steady]):.1f} MB in the middle,"
        f" {memory[steady].max():.1f} at most, {memory[-1]:.1f} at the end"
        f" (target {MEMORY_TARGET_MB})"
    )
    print(f"written to disk {rate:.2f} MB an hour (target {DISK_TARGET_MB})")


if __name__ == "__main__":
    main()
