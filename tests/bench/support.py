"""What the benchmarks share: real pictures at camera sizes, and a device in its own process."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import grpc
import numpy as np
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lintel.edge.images import ImageFormat, decode, encode

REPOSITORY = Path(__file__).resolve().parents[2]
SIZES = ((640, 480), (1280, 720), (1920, 1080))
START_TIMEOUT_S = 30.0


def data_folder() -> Path:
    """Returns the folder of real pictures, or ends the benchmark with the reason."""
    folder = Path(os.environ.get("LINTEL_DATA", REPOSITORY / ".." / "shared" / "data")).resolve()
    if not (folder / "faces" / "index.csv").exists():
        sys.exit("This benchmark needs real pictures: set LINTEL_DATA to their folder.")
    return folder


def camera_pictures(width: int, height: int, count: int = 16) -> list[bytes]:
    """Returns JPEGs of a camera's size, quality 85, made of real pictures with faces.

    Each is cut to the aspect and scaled; pictures of the validation split, in order.
    """
    faces = data_folder() / "faces"
    names: list[str] = []
    with (faces / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            useful = row["split"] == "val" and row["source"] == "masks853" and row["label"]
            if useful and row["image"] not in names:
                names.append(row["image"])
    return [
        encode(fit(decode((faces / name).read_bytes()).pixels, width, height), ImageFormat.JPEG)
        for name in names[:count]
    ]


def fit(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scales a picture to cover a size, and cuts what is over, evenly."""
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    size = (max(round(pixels.shape[1] * scale), width), max(round(pixels.shape[0] * scale), height))
    scaled = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else 1)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])


@dataclass(frozen=True)
class DeviceProcess:
    """A device that serves in a process of its own.

    Attributes:
        process: Its process, for memory and processor time.
        tcp: Its address on loopback.
        unix: Its address as a Unix socket.
        start_s: Seconds from the start of the process to SERVING.
    """

    process: psutil.Process
    tcp: str
    unix: str
    start_s: float

    def resident_mb(self) -> float:
        """Returns the resident memory in MB (1e6 bytes)."""
        return float(self.process.memory_info().rss) / 1e6


@contextmanager
def run_device(folder: Path, settings: str = "", port: int = 0) -> Iterator[DeviceProcess]:
    """Runs `lintel serve` and waits until it is SERVING.

    Args:
        folder: Where its settings and its socket go.
        settings: Further tables of the settings file, and keys of [server] before them.
        port: Port on loopback; 0: any that is free.
    """
    socket_path = folder / "socket"
    config = folder / "lintel.toml"
    config.write_text(
        f'[server]\nlisten = ["127.0.0.1:{port}", "unix:{socket_path}"]\n{settings}\n', "utf-8"
    )
    command = [str(Path(sys.executable).with_name("lintel")), "serve", "--config", str(config)]
    began = time.perf_counter()
    # What the device remembers goes with the folder.
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        try:
            with grpc.insecure_channel(f"unix:{socket_path}") as channel:
                _wait_until_serving(channel, running)
            start_s = time.perf_counter() - began
            assert running.stdout is not None
            tcp = running.stdout.readline().removeprefix("Serving on ").partition(",")[0]
            yield DeviceProcess(psutil.Process(running.pid), tcp, f"unix:{socket_path}", start_s)
        finally:
            running.terminate()
            running.wait(START_TIMEOUT_S)


def _wait_until_serving(channel: grpc.Channel, running: subprocess.Popen[str]) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and running.poll() is None:
        try:
            reply = health.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            time.sleep(0.005)
            continue
        if reply.status == health_pb2.HealthCheckResponse.SERVING:
            return
    raise RuntimeError("the device did not serve")
