"""One way to run models: LiteRT, ONNX Runtime and OpenCV behind one interface.

No backend is imported before a session needs it: a device has only those that its models use.
"""

from lintel.edge.backends.counters import InferenceCounters
from lintel.edge.backends.opening import (
    BackendStatus,
    available_backends,
    backend_status,
    open_session,
)
from lintel.edge.backends.pool import SessionPool
from lintel.edge.backends.session import Session, Tensor, TensorSpec

__all__ = [
    "BackendStatus",
    "InferenceCounters",
    "Session",
    "SessionPool",
    "Tensor",
    "TensorSpec",
    "available_backends",
    "backend_status",
    "open_session",
]
