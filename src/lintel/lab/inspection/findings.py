"""What an inspection finds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import LintelError
from lintel.edge.images import decode
from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.errors import AnnotationError, Defect
from lintel.lab.inspection.copies import CopyPair, Thumbnails, find_copies, shrink
from lintel.lab.metrics.sizes import SizeBin, box_sizes, size_bins

# Smaller faces are counted apart: the figures of detectors leave them out.
SMALLEST = 24
SIZE_BINS = (SizeBin(f"below {SMALLEST} px", 0, SMALLEST), *size_bins(SMALLEST))
# Several times the small copy, so that what JPEG's fast scales leave out does not matter.
_DECODED_SIDE = 128


class Count(msgspec.Struct, frozen=True):
    """How much there is of a source in a split.

    Attributes:
        source: Its name, or "".
        split: Its name, or "".
        pictures: How many, all told.
        empty: Pictures without a box.
        copies: Pictures that are known to be near-copies of others (`duplicate_of`).
        whole_frames: Pictures of which a box is nearly the whole.
        boxes: How many, all told.
        ignored: Boxes that are neither hit nor miss.
        labels: Boxes by label.
        sizes: Boxes by size: the short side, with the picture's long side at 640 pixels.
    """

    source: str
    split: str
    pictures: int
    empty: int
    copies: int
    whole_frames: int
    boxes: int
    ignored: int
    labels: dict[str, int]
    sizes: dict[str, int]


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong.

    Attributes:
        defect: What kind of problem it is.
        place: The file, and where in it.
        problem: A sentence.
    """

    defect: Defect
    place: str
    problem: str


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        pictures: Those that can be decoded.
        counts: Of those, by source and split.
        defects: What is wrong.
        copies: Near-duplicates across splits, and within a split where they are not known to be
            (no common group): they make figures look surer than they are.
    """

    pictures: list[AnnotatedPicture]
    counts: list[Count]
    defects: list[Finding]
    copies: list[tuple[AnnotatedPicture, AnnotatedPicture, CopyPair]]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.defects

    def by_kind(self) -> dict[Defect, int]:
        """Counts the defects."""
        return dict(Counter(finding.defect for finding in self.defects))


def inspect_pictures(
    pictures: Iterable[AnnotatedPicture], errors: Sequence[AnnotationError]
) -> Inspection:
    """Looks at pictures: each is decoded in full, and compared with all others.

    Args:
        pictures: What the readers gave.
        errors: What they reported.

    Returns:
        What was found.
    """
    defects = [_finding(error) for error in errors]
    sound: list[AnnotatedPicture] = []
    small: list[NDArray[np.uint8]] = []
    for picture in pictures:
        try:
            pixels = decode(picture.path.read_bytes(), depth8=True, long_side=_DECODED_SIDE).pixels
        except (LintelError, OSError) as error:
            message = error.message if isinstance(error, LintelError) else str(error.strerror)
            defects.append(Finding(Defect.DAMAGED_PICTURE, str(picture.path), message))
            continue
        sound.append(picture)
        small.append(shrink(pixels.astype(np.uint8, copy=False)))
    defects += _split_groups(sound)
    copies = find_copies(Thumbnails(small), _families(sound))
    told = [(sound[pair.first], sound[pair.second], pair) for pair in copies]
    defects += [_across_splits(*pair) for pair in told if pair[0].split != pair[1].split]
    return Inspection(pictures=sound, counts=_count(sound), defects=defects, copies=told)


def _finding(error: AnnotationError) -> Finding:
    place = f"{error.path}, {error.field}" if error.field else str(error.path)
    return Finding(error.defect, place, error.problem)


def _across_splits(first: AnnotatedPicture, second: AnnotatedPicture, pair: CopyPair) -> Finding:
    mirror = ", mirrored," if pair.mirrored else ""
    return Finding(
        Defect.COPY_ACROSS_SPLITS,
        str(first.path),
        f"it is in {first.split or 'no split'} and nearly the same{mirror} as {second.path} in"
        f" {second.split or 'no split'} (correlation {pair.correlation:.3f}).",
    )


def _split_groups(pictures: Iterable[AnnotatedPicture]) -> list[Finding]:
    splits: dict[str, set[str]] = defaultdict(set)
    for picture in pictures:
        splits[picture.group].add(picture.split)
    return [
        Finding(
            Defect.GROUP_ACROSS_SPLITS,
            f"group {group}",
            f"its pictures are in {' and '.join(sorted(found))}: they are known to be alike.",
        )
        for group, found in splits.items()
        if group and len(found) > 1
    ]


def _families(pictures: Sequence[AnnotatedPicture]) -> NDArray[np.int64]:
    """Numbers pictures by group and split; those of no group are each their own."""
    numbers: dict[object, int] = {}
    keys = (
        (picture.group, picture.split) if picture.group else index
        for index, picture in enumerate(pictures)
    )
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _count(pictures: Iterable[AnnotatedPicture]) -> list[Count]:
    kinds: dict[tuple[str, str], list[AnnotatedPicture]] = defaultdict(list)
    for picture in pictures:
        kinds[picture.source, picture.split].append(picture)
    return [_count_kind(*kind, kinds[kind]) for kind in sorted(kinds)]


def _count_kind(source: str, split: str, pictures: Sequence[AnnotatedPicture]) -> Count:
    sizes = np.concatenate(
        [box_sizes(picture.boxes, picture.width, picture.height) for picture in pictures]
    )
    return Count(
        source=source,
        split=split,
        pictures=len(pictures),
        empty=sum(not len(picture.boxes) for picture in pictures),
        copies=sum(bool(picture.duplicate_of) for picture in pictures),
        whole_frames=sum(picture.whole_frame for picture in pictures),
        boxes=len(sizes),
        ignored=sum(int(picture.ignored.sum()) for picture in pictures),
        labels=dict(Counter(label for picture in pictures for label in picture.labels)),
        sizes={each.name: int(each.holds(sizes).sum()) for each in SIZE_BINS},
    )
