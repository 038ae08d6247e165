"""Classifiers of masks, shown labelled faces, measured and compared."""

from lintel.lab.classification.classifier import (
    KERAS_SUFFIX,
    Classifier,
    KerasClassifier,
    PackageClassifier,
    open_classifier,
)
from lintel.lab.classification.end_to_end import EndToEnd, run_end_to_end
from lintel.lab.classification.figures import (
    THREE,
    TWO,
    Answers,
    ClassBalance,
    ClassifierComparison,
    ClassifierFigures,
    Measured,
    answers_of,
    compare_classifiers,
    measure_balance,
    measure_classifiers,
    sources_of,
)
from lintel.lab.classification.running import (
    WRONGLY_WORN,
    Classification,
    ClassifierRun,
    classify_faces,
    open_faces,
)
from lintel.lab.classification.surety import (
    Surety,
    calibration_table,
    sureties,
    surety_table,
)

__all__ = [
    "KERAS_SUFFIX",
    "THREE",
    "TWO",
    "WRONGLY_WORN",
    "Answers",
    "ClassBalance",
    "Classification",
    "Classifier",
    "ClassifierComparison",
    "ClassifierFigures",
    "ClassifierRun",
    "EndToEnd",
    "KerasClassifier",
    "Measured",
    "PackageClassifier",
    "Surety",
    "answers_of",
    "calibration_table",
    "classify_faces",
    "compare_classifiers",
    "measure_balance",
    "measure_classifiers",
    "open_classifier",
    "open_faces",
    "run_end_to_end",
    "sources_of",
    "sureties",
    "surety_table",
]
