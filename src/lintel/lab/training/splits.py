"""Splits for faces that come without: by class, and never through a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lintel.lab.errors import LabError
from lintel.lab.training.faces import Face

FOLDS = 10


def with_splits(faces: Sequence[Face], seed: int = 1) -> tuple[Face, ...]:
    """Gives faces a split where none of them has one: 80 % train, 10 % val, 10 % test.

    Each split has nearly the same share of every class, and groups (pictures, near-duplicates,
    frames of one video) stay whole (scikit-learn's StratifiedGroupKFold).

    Args:
        faces: All with a split, or none.
        seed: Another divides otherwise.

    Raises:
        LabError: Some have a split and some not, or there are fewer than ten groups, or than
            ten faces of a label.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 -- slow to import

    known = {face.split for face in faces}
    if "" not in known:
        return tuple(faces)
    if known != {""}:
        raise LabError("Some faces have a split and some have none.")
    groups = {name: number for number, name in enumerate(sorted({face.group for face in faces}))}
    if len(groups) < FOLDS:
        raise LabError(
            f"There are {len(groups)} groups of pictures: at least {FOLDS} are needed to divide"
            " them into train, val and test."
        )
    labels = [face.label for face in faces]
    label, count = min(Counter(labels).items(), key=lambda each: each[1])
    if count < FOLDS:
        raise LabError(
            f"There are {count} faces of {label}: at least {FOLDS} are needed to divide them into"
            " train, val and test."
        )
    names = ["train"] * len(faces)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    divided = folds.split(labels, labels, [groups[face.group] for face in faces])
    for name, (_, held) in zip(("val", "test"), divided, strict=False):
        for place in held:
            names[place] = name
    return tuple(replace(face, split=name) for face, name in zip(faces, names, strict=True))
