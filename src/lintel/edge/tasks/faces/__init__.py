"""Finding faces in pictures, with a model of any of the common families."""

from lintel.edge.tasks.faces.decoders import calibrate
from lintel.edge.tasks.faces.detector import FaceDetector
from lintel.edge.tasks.faces.parts import SHRINKING, Detections
from lintel.edge.tasks.preparation import Prepared, prepare

__all__ = ["SHRINKING", "Detections", "FaceDetector", "Prepared", "calibrate", "prepare"]
