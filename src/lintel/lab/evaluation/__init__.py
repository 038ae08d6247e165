"""Evaluation: detectors shown annotated pictures, measured and compared."""

from lintel.lab.evaluation.detector import Detector, Found, PackageDetector, open_package
from lintel.lab.evaluation.figures import (
    DetectorFigures,
    Figures,
    NamedComparison,
    compare_all,
    match_scene,
    measure,
    measure_all,
    sources_of,
    tally_run,
)
from lintel.lab.evaluation.protocol import DEFAULT_PROTOCOL, Protocol, select_pictures
from lintel.lab.evaluation.running import (
    LOWEST_SCORE,
    Evaluation,
    Run,
    Scene,
    Sighting,
    evaluate,
    open_scene,
)

__all__ = [
    "DEFAULT_PROTOCOL",
    "LOWEST_SCORE",
    "Detector",
    "DetectorFigures",
    "Evaluation",
    "Figures",
    "Found",
    "NamedComparison",
    "PackageDetector",
    "Protocol",
    "Run",
    "Scene",
    "Sighting",
    "compare_all",
    "evaluate",
    "match_scene",
    "measure",
    "measure_all",
    "open_package",
    "open_scene",
    "select_pictures",
    "sources_of",
    "tally_run",
]
