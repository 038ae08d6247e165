"""SeriesService in a process that is killed, or whose disk is full."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lintel.client import Client, Count, LintelError, OverloadedError

StartProcess = Callable[..., Any]
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def total(address: str) -> float:
    with Client(address) as device:
        return sum(device.read_series("door", resolution="day").values)


def test_a_device_killed_in_the_middle_counts_every_call_once(
    serve_process: StartProcess, tmp_path: Path
) -> None:
    settings = f"[series]\npath = '{tmp_path}/series.db'"
    device = serve_process(settings)
    acknowledged = 0
    enough = threading.Event()

    def count_on() -> None:
        nonlocal acknowledged
        with Client(device.unix, timeout_s=5) as client:
            try:
                while True:
                    client.record_counts(
                        [Count("door", 1, NOON)], idempotency_key=f"call-{acknowledged}"
                    )
                    acknowledged += 1
                    if acknowledged == 50:
                        enough.set()
            except LintelError:
                return

    counting = threading.Thread(target=count_on)
    counting.start()
    assert enough.wait(60)
    device.popen.kill()
    counting.join()

    again = serve_process(settings)
    # The one that was under way may have been kept: with its key, to repeat it is right.
    with Client(again.unix) as client:
        client.record_counts([Count("door", 1, NOON)], idempotency_key=f"call-{acknowledged}")
    assert total(again.unix) == acknowledged + 1
    assert again.stop() == 0


def test_a_full_disk_is_told_and_everything_else_goes_on(
    small_disk: Any, tmp_path: Path, face_jpeg: bytes
) -> None:
    config = tmp_path / "lintel.toml"
    config.write_text(
        f"[server]\nlisten = ['unix:{tmp_path}/socket']\n"
        f"[series]\npath = '{small_disk.folder}/series.db'\n"
    )
    program = Path(sys.executable).with_name("lintel")
    command = [*small_disk.command, str(program), "serve", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as serving:
        try:
            assert serving.stdout is not None
            assert serving.stdout.readline()
            with Client(f"unix:{tmp_path}/socket") as device:
                calls = 0
                with pytest.raises(OverloadedError) as caught:
                    for minute in range(1_000_000):
                        at = NOON.timestamp() * 1e6 + minute * 60e6
                        device.record_counts([Count("door", 1, round(at) - 10**14)])
                        calls += 1
                assert caught.value.reason == "DISK_FULL"
                assert sum(device.read_series("door").values) == calls
                assert device.detect_faces(face_jpeg).faces
        finally:
            serving.terminate()
