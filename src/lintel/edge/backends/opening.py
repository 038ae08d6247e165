"""Which backends this device has, and sessions of packages on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from typing import NamedTuple

from lintel.edge.backends.cascade import CascadeSession
from lintel.edge.backends.litert import LiteRtSession, import_runtime
from lintel.edge.backends.onnx import OnnxSession
from lintel.edge.backends.session import Session
from lintel.edge.backends.xgboost import XgboostSession
from lintel.edge.config import ModelSettings
from lintel.edge.errors import ModelUnavailableError, PackageInvalidError
from lintel.edge.packages import CascadeOutput, Package, Variant


class BackendStatus(NamedTuple):
    """Whether a backend can be used.

    Attributes:
        usable: It can.
        version: Of the library, or "".
        problem: Why it cannot: a sentence, or "".
    """

    usable: bool
    version: str = ""
    problem: str = ""


def available_backends() -> Mapping[str, BackendStatus]:
    """Tries to import every backend, and tells of each by the name that manifests call it.

    An import takes tens of milliseconds and of megabytes: this is for inspection, not for each
    request.
    """
    return {backend: backend_status(backend) for backend in _IMPORTS}


@cache
def backend_status(backend: str) -> BackendStatus:
    """Tries to import one backend; the answer holds as long as the process.

    Args:
        backend: What manifests call it: "litert", "onnx", "xgboost" or "opencv-cascade".
    """
    try:
        return BackendStatus(True, _IMPORTS[backend]())
    except ModuleNotFoundError:
        return BackendStatus(False, problem="The library is not installed.")
    except (ImportError, OSError, AttributeError):
        return BackendStatus(False, problem="The library is installed and does not load.")


def open_session(package: Package, variant: Variant, settings: ModelSettings) -> Session:
    """Opens a session of a model; its file is read and its digest checked first.

    Args:
        package: The package.
        variant: Which of its variants.
        settings: Threads and execution providers.

    Raises:
        PackageInvalidError: The file is not what the manifest says, or no model that the backend
            can run; `field` names the key.
        ModelUnavailableError: The backend is not there, or none of its execution providers.
    """
    if not backend_status(variant.backend).usable:
        raise ModelUnavailableError(f"The backend {variant.backend} is not usable on this device.")
    model = package.variant_bytes(variant)
    output = package.manifest.output
    try:
        if variant.backend == "litert":
            return LiteRtSession(model, settings.threads)
        if variant.backend == "onnx":
            return OnnxSession(model, settings.threads, settings.providers)
        if variant.backend == "xgboost":
            return XgboostSession(model, settings.threads)
        if isinstance(output, CascadeOutput):
            return CascadeSession(model, output, settings.threads)
    except PackageInvalidError as error:
        index = package.manifest.variants.index(variant)
        raise error.at(f"variant[{index}].file") from error.__cause__
    raise PackageInvalidError("The backend needs another decoder.", field="output.decoder")


def _import_litert() -> str:
    package = import_runtime().__name__.partition(".")[0]
    return metadata.version(package.replace("_", "-"))


def _import_onnx() -> str:
    import onnxruntime  # noqa: PLC0415 -- a device may do without it

    return str(onnxruntime.__version__)


def _import_xgboost() -> str:
    import xgboost  # noqa: PLC0415 -- a device may do without it

    return str(xgboost.__version__)


def _import_opencv() -> str:
    import cv2  # noqa: PLC0415 -- a device may do without it

    # OpenCV 5 has it no more.
    _ = cv2.CascadeClassifier
    return str(cv2.__version__)


_IMPORTS: Mapping[str, Callable[[], str]] = {
    "litert": _import_litert,
    "onnx": _import_onnx,
    "xgboost": _import_xgboost,
    "opencv-cascade": _import_opencv,
}
