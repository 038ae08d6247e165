"""The command of the README that talks to a device from a shell, as it is written there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from tests.conftest import REPOSITORY

from lintel.edge.images import ImageFormat, encode
from lintel.edge.service import DeviceServer

DEFAULT_ADDRESS = "127.0.0.1:50051"
# Linux takes no longer argument on a command line, and photos are longer.
LONGEST_ARGUMENT = 128 * 1024


def shell_example() -> str:
    """Returns the indented block with `buf curl`."""
    blocks = (REPOSITORY / "README.md").read_text("utf-8").split("\n\n")
    (example,) = (block for block in blocks if "buf curl" in block and block.startswith("    "))
    return example


def test_buf_curl_sends_a_photo(device: DeviceServer, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8)
    photo = encode(noise, ImageFormat.JPEG)
    assert len(photo) > LONGEST_ARGUMENT
    (tmp_path / "photo.jpg").write_bytes(photo)
    beside = Path(sys.executable).parent
    command = shell_example().replace(DEFAULT_ADDRESS, device.addresses[0])

    finished = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{beside}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    (result,) = json.loads(finished.stdout)["results"]
    assert (result["detections"]["width"], result["detections"]["height"]) == (600, 400)
