"""Finding faces in pictures, with a model of any of the common families."""

from lintel.edge.tasks.faces.decoders import calibrate
from lintel.edge.tasks.faces.detector import Detections, FaceDetector
from lintel.edge.tasks.preparation import Prepared, prepare

__all__ = ["Detections", "FaceDetector", "Prepared", "calibrate", "prepare"]
