"""Metrics of detectors and classifiers, and whether a difference is real.

Detectors: matching, precision and recall, leaks. Classifiers: what they tell right, how they rank,
and whether their probabilities mean what they say.
"""

from lintel.lab.metrics.bootstrap import (
    Comparison,
    Interval,
    compare,
    compare_average_precision,
    interval,
)
from lintel.lab.metrics.calibration import (
    BINS,
    ReliabilityBin,
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
)
from lintel.lab.metrics.classification import (
    ClassFigures,
    OneClass,
    class_precision_recall_curve,
    leave_out_class,
    log_loss,
    measure_classes,
    roc_curve,
    weighted_accuracy,
    weighted_macro_f1,
)
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
from lintel.lab.metrics.hypotheses import Balance, McNemar, class_balance, mcnemar
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
    "BINS",
    "DEFAULT_BLUR",
    "LEAST_COVER",
    "REFERENCE_LONG_SIDE",
    "Balance",
    "ClassFigures",
    "ClipLeak",
    "Comparison",
    "Curve",
    "Frame",
    "ImplausibleBoxesError",
    "Interval",
    "Matching",
    "McNemar",
    "Method",
    "OneClass",
    "OperatingPoint",
    "ReliabilityBin",
    "SizeBin",
    "Tally",
    "apply_temperature",
    "average_precision",
    "best_f1",
    "box_sizes",
    "check_detections",
    "check_truth",
    "class_balance",
    "class_precision_recall_curve",
    "clip_leak",
    "compare",
    "compare_average_precision",
    "covered_mask",
    "covered_shares",
    "expected_calibration_error",
    "fit_temperature",
    "interval",
    "leak_rate",
    "leave_out_class",
    "log_loss",
    "match_detections",
    "mcnemar",
    "measure_classes",
    "operating_point",
    "precision_recall_curve",
    "recall_at_precision",
    "reliability_bins",
    "roc_curve",
    "size_bins",
    "tally",
    "weighted_accuracy",
    "weighted_macro_f1",
]
