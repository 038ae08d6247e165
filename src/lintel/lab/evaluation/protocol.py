"""What is measured on, and how: told with every figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lintel.edge.tasks.blur import BlurOptions
from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.errors import LabError
from lintel.lab.metrics import DEFAULT_BLUR


@dataclass(frozen=True, slots=True)
class Protocol:
    """How detectors are measured.

    Attributes:
        least_overlap: Least intersection over union of a hit.
        smallest: Faces, and detections that match nothing, of less than this are ignored: pixels
            of the short side with the picture's long side at 640.
        blur: How faces are covered where leaks are measured.
        long_side: Pictures are scaled to this, pixels, before anyone sees them, so that detectors
            that take pictures as large as they come look at as much as those that scale them by
            themselves. None: as they are.
    """

    least_overlap: float = 0.4
    smallest: float = 24
    blur: BlurOptions = DEFAULT_BLUR
    long_side: int | None = None


DEFAULT_PROTOCOL = Protocol()


def select_pictures(
    pictures: Iterable[AnnotatedPicture],
    *,
    split: str = "",
    sources: Sequence[str] = (),
    duplicates: bool = False,
    whole_frames: bool = False,
) -> tuple[AnnotatedPicture, ...]:
    """Picks the pictures that count.

    Args:
        pictures: What there is.
        split: "train", "val" or "test"; "": all.
        sources: Names of data sets; empty: all.
        duplicates: Whether near-copies of other pictures count.
        whole_frames: Whether pictures count that are nearly one bare face.

    Returns:
        Those that count, in their order.

    Raises:
        LabError: There is no such source or split, or nothing is left.
    """
    everything = tuple(pictures)
    _check_names("split", [split] if split else [], {each.split for each in everything})
    _check_names("source", sources, {each.source for each in everything})
    chosen = tuple(
        picture
        for picture in everything
        if (not split or picture.split == split)
        and (not sources or picture.source in sources)
        and (duplicates or not picture.duplicate_of)
        and (whole_frames or not picture.whole_frame)
    )
    if not chosen:
        raise LabError("No pictures are left to evaluate on.")
    return chosen


def _check_names(noun: str, wanted: Iterable[str], there: set[str]) -> None:
    for name in wanted:
        if name not in there:
            known = ", ".join(sorted(there - {""})) or "none"
            raise LabError(f"The data has no {noun} {name}; it has {known}.")
