"""Splits by the names that data sets give them: those of folders, and those in tables."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from lintel.lab.errors import AnnotationError

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_KNOWN = "known are train, val (or valid, validation) and test"


def folder_splits(names: Collection[str], folder: Path) -> dict[str, str]:
    """Tells which splits the folders of pictures in a folder are, if any.

    Args:
        names: Of those that hold pictures.
        folder: Where they are, for errors.

    Returns:
        Splits by name, in the order train, val, test; none where no name is a split's.

    Raises:
        AnnotationError: Some are splits and one is not: what it is for cannot be told.
    """
    order = list(SPLITS)
    known = sorted((name for name in names if name.lower() in SPLITS), key=str.lower)
    known.sort(key=lambda name: order.index(name.lower()))
    unknown = sorted(set(names) - set(known))
    if known and unknown:
        raise AnnotationError(
            f"{known[0]} is a split and {unknown[0]} is none that is known: {_KNOWN}.", path=folder
        )
    return {name: SPLITS[name.lower()] for name in known}


def to_split(text: str, path: Path, field: str) -> str:
    """Returns the split that a cell names; "": none.

    Raises:
        AnnotationError: There is none of that name.
    """
    name = text.strip().lower()
    if name and name not in SPLITS:
        raise AnnotationError(f"the split is {text!r}; {_KNOWN}.", path=path, field=field)
    return SPLITS.get(name, "")
