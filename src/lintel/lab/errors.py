"""What goes wrong in the lab, told to the person who runs it.

Unlike the errors of the device, which cross an API, these name files and what is in them.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class LabError(Exception):
    """The base of the lab's errors; the message is a sentence for people."""


class Defect(StrEnum):
    """What may be wrong with annotated pictures, as inspections count it."""

    UNREADABLE_ANNOTATION = "unreadable annotation"
    MISSING_PICTURE = "missing picture"
    DAMAGED_PICTURE = "damaged picture"
    CONTRADICTION = "contradiction"
    IMPOSSIBLE_BOX = "impossible box"
    BOX_OUT_OF_BOUNDS = "box out of bounds"
    GROUP_ACROSS_SPLITS = "group across splits"
    COPY_ACROSS_SPLITS = "near-duplicate across splits"


class AnnotationError(LabError, ValueError):
    """Annotations cannot be used as they are.

    Attributes:
        problem: What is wrong and what it looks like, a sentence.
        path: The file of annotations, or the picture.
        field: Where in it, such as "row 7, box 2", or "".
        defect: What kind of problem it is.
        split: Of the picture, where that is known, or "".
    """

    split = ""

    def __init__(
        self,
        problem: str,
        *,
        path: Path,
        field: str = "",
        defect: Defect = Defect.UNREADABLE_ANNOTATION,
    ) -> None:
        place = f"{path}, {field}" if field else str(path)
        super().__init__(f"{place}: {problem}")
        self.problem = problem
        self.path = path
        self.field = field
        self.defect = defect
