"""Metrics of detectors: matching, precision and recall, leaks, and whether a difference is real."""

from lintel.lab.metrics.bootstrap import Comparison, compare_average_precision
from lintel.lab.metrics.detection import (
    Curve,
    Method,
    OperatingPoint,
    Tally,
    average_precision,
    best_f1,
    operating_point,
    precision_recall_curve,
    recall_at_precision,
    tally,
)
from lintel.lab.metrics.leak import (
    DEFAULT_BLUR,
    LEAST_COVER,
    ClipLeak,
    Frame,
    clip_leak,
    covered_mask,
    covered_shares,
    leak_rate,
)
from lintel.lab.metrics.matching import Matching, match_detections
from lintel.lab.metrics.plausibility import ImplausibleBoxesError, check_detections, check_truth
from lintel.lab.metrics.sizes import REFERENCE_LONG_SIDE, SizeBin, box_sizes, size_bins

__all__ = [
    "DEFAULT_BLUR",
    "LEAST_COVER",
    "REFERENCE_LONG_SIDE",
    "ClipLeak",
    "Comparison",
    "Curve",
    "Frame",
    "ImplausibleBoxesError",
    "Matching",
    "Method",
    "OperatingPoint",
    "SizeBin",
    "Tally",
    "average_precision",
    "best_f1",
    "box_sizes",
    "check_detections",
    "check_truth",
    "clip_leak",
    "compare_average_precision",
    "covered_mask",
    "covered_shares",
    "leak_rate",
    "match_detections",
    "operating_point",
    "precision_recall_curve",
    "recall_at_precision",
    "size_bins",
    "tally",
]
