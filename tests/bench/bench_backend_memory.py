"""Resident memory of a fresh process with one model of 160,000 parameters open.

    python -m tests.bench.bench_backend_memory

Each row is a process of its own: after importing the backends, after opening a session, and after
200 runs. "bare" is the same process without a session.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.builders import build_onnx, build_tflite, camera_network

STEPS = """
import resource, sys
from pathlib import Path
import numpy as np
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
import lintel.edge.backends
figures = [resident()]
backend, file = sys.argv[1:]
if backend == "litert":
    from lintel.edge.backends.litert import LiteRtSession
    session = LiteRtSession(Path(file).read_bytes(), 1)
elif backend == "onnx":
    from lintel.edge.backends.onnx import OnnxSession
    session = OnnxSession(Path(file).read_bytes(), 1, ("CPUExecutionProvider",))
if backend != "bare":
    figures.append(resident())
    picture = np.zeros((1, 128, 128, 3), np.uint8)
    for _ in range(200):
        session.run({"input": picture})
    figures.append(resident())
print(*(f"{figure:10.1f}" for figure in figures))
"""


def main() -> None:
    """Prints megabytes of 1,000,000 bytes."""
    network = camera_network()
    models = {"bare": b"", "litert": build_tflite(network), "onnx": build_onnx(network)}
    sys.stdout.write(f"{'MB':8s}{'backends':>10s} {'session':>10s} {'200 runs':>10s}\n")
    with tempfile.TemporaryDirectory() as folder:
        for backend, model in models.items():
            path = Path(folder) / backend
            path.write_bytes(model)
            command = [sys.executable, "-c", STEPS, backend, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            sys.stdout.write(f"{backend:8s}{done.stdout}")


if __name__ == "__main__":
    main()
