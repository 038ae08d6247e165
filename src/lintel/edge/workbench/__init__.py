"""The work on one picture, the same for a call, a video frame and the command line.

Decode, measure, find faces, judge masks, destroy faces, encode: each picture is decoded once
however much is asked of it, and no further than the work needs. Anything raised on the way means
that no picture comes out.
"""

from lintel.edge.workbench.bench import Workbench
from lintel.edge.workbench.requests import (
    MAXIMUM_BOXES,
    Box,
    CoverOptions,
    DetectionOptions,
    EncodedImage,
    GivenFaces,
    MaskOptions,
    OutputOptions,
    RawImage,
    Task,
    Work,
    check_box_count,
)
from lintel.edge.workbench.results import BlurredImage, MaskVerdicts, StageTimes, WorkResult

__all__ = [
    "MAXIMUM_BOXES",
    "BlurredImage",
    "Box",
    "CoverOptions",
    "DetectionOptions",
    "EncodedImage",
    "GivenFaces",
    "MaskOptions",
    "MaskVerdicts",
    "OutputOptions",
    "RawImage",
    "StageTimes",
    "Task",
    "Work",
    "WorkResult",
    "Workbench",
    "check_box_count",
]
