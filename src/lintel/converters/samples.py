"""Examples to calibrate and to verify with: folders of pictures, .npz files, recipes' readers."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.examples import ONLY_INPUT, Feed, Tensor, load_outputs, save_outputs
from lintel.converters.files import digest
from lintel.edge.errors import LintelError
from lintel.edge.images import decode
from lintel.edge.packages import Input
from lintel.edge.tasks.faces import prepare

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_LABEL_NAMES = ("y", "labels", "label", "targets")
_INPUT_NAMES = ("x", "inputs", "input", "images")
# A reader may go on for ever.
_MOST_READ = 2000


@dataclass(frozen=True)
class Sample:
    """One example, not read yet.

    Attributes:
        key: Digest of its content: what is the same has the same.
        load: Reads it, as the model takes it.
        label: Number of its class, or what a regressor is to give; None: not known.
    """

    key: str
    load: Callable[[], Feed]
    label: Any = None


@dataclass(frozen=True)
class Samples:
    """Examples of one source.

    Attributes:
        found: All of them, in an order that only their content decides.
        classes: Names of the classes that labels number; empty: none are known.
        duplicates: How many were left out because another has the same content.
    """

    found: tuple[Sample, ...]
    classes: tuple[str, ...] = ()
    duplicates: int = 0


def read_samples(
    source: str | Path,
    expected: Input | None,
    reader: Callable[[], Iterable[Any]] | None = None,
    labels: Sequence[str] = (),
    spool: Path = Path(),
    *,
    is_classified: bool = False,
) -> Samples:
    """Finds the examples of a source.

    Args:
        source: A folder of pictures, where a subfolder is a class; or a .npz file, with an array
            an input, (examples, ...), and `y` or `labels`.
        expected: How the device prepares a picture; needed for a folder.
        reader: A recipe's own; it takes the place of `source`, and yields feeds, or pairs of a
            feed and a label.
        labels: Names of the classes in the model's order; empty: subfolders in alphabetical order.
        spool: Folder for what a reader yields, which memory may be too small for.
        is_classified: A picture beside folders of classes is an error; else classes are then not
            known.

    Raises:
        ConversionError: There are none, or they cannot be read, or are of no class.
    """
    path = Path(source)
    if reader is not None:
        return _ordered(_read(reader, spool), ())
    if path.is_dir():
        return _read_folder(path, expected, labels, is_classified)
    if path.suffix == ".npz" and path.is_file():
        return _ordered(_read_arrays(path), tuple(labels))
    raise ConversionError(
        f"{path} is neither a folder of pictures nor a .npz file: give one of these to --calibrate"
        " and --verify."
    )


def split_samples(
    samples: Samples, most_calibration: int, most_verification: int
) -> tuple[list[Sample], list[Sample]]:
    """Divides examples by their content: those to calibrate with, and those to verify with.

    Raises:
        ConversionError: There are fewer than two.
    """
    count = len(samples.found)
    if count < 2:
        raise ConversionError(
            "One example is not enough to calibrate and to verify with: give a hundred or more."
        )
    middle = min(most_calibration, count // 2)
    return list(samples.found[:middle]), list(samples.found[middle:][:most_verification])


def _read_folder(
    folder: Path, expected: Input | None, labels: Sequence[str], is_classified: bool
) -> Samples:
    if expected is None:
        raise ConversionError(
            "Pictures are no use to a model whose input is no picture: give a .npz file."
        )
    pictures = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    )
    if not pictures:
        raise ConversionError(
            f"{folder} holds no picture (.jpg, .png, .webp): give a folder of a hundred or more."
        )
    if is_classified:
        _check_places(folder, pictures)
    own = sorted({p.relative_to(folder).parts[0] for p in pictures if p.parent != folder})
    is_labelled = bool(own) and all(path.parent != folder for path in pictures)
    classes = tuple(labels) or (tuple(own) if is_labelled else ())
    unknown = sorted(set(own) - set(classes)) if is_labelled else []
    if unknown:
        raise ConversionError(
            f"The folder {folder.name} has the class {unknown[0]}, which is not among the labels"
            f" {', '.join(classes)}: rename it, or give --labels that fit."
        )
    found = [
        Sample(
            digest(path),
            partial(_prepared, path, expected),
            classes.index(path.relative_to(folder).parts[0]) if is_labelled else None,
        )
        for path in pictures
    ]
    return _ordered(found, classes if is_labelled else tuple(labels))


def _check_places(folder: Path, pictures: Sequence[Path]) -> None:
    """Refuses pictures beside folders of classes: one alone would leave all without a class."""
    beside = [path for path in pictures if path.parent == folder]
    if beside and len(beside) < len(pictures):
        more = f" (and {len(beside) - 1} more)" if len(beside) > 1 else ""
        raise ConversionError(
            f"The picture {beside[0].name}{more} lies in {folder.name} beside the folders of"
            " classes, and is of none: move it into one, or remove it."
        )


def _prepared(path: Path, expected: Input) -> Tensor:
    try:
        return prepare(decode(path.read_bytes(), depth8=True), expected).tensor
    except LintelError as error:
        raise ConversionError(
            f"The picture {path.name} cannot be read ({error.message.rstrip('.')}): remove it."
        ) from error


def _read_arrays(path: Path) -> list[Sample]:
    try:
        with np.load(path) as file:
            arrays = dict(file.items())
    except (ValueError, OSError) as error:
        raise ConversionError(f"{path.name} is no .npz file of plain arrays.") from error
    labels = next((arrays.pop(name) for name in _LABEL_NAMES if name in arrays), None)
    if not arrays:
        raise ConversionError(f"{path.name} has no inputs: save them under their names.")
    if len(arrays) == 1 and next(iter(arrays)) in _INPUT_NAMES:
        arrays = {ONLY_INPUT: next(iter(arrays.values()))}
    counts = {len(array) for array in arrays.values()} | (
        {len(labels)} if labels is not None else set()
    )
    if len(counts) != 1:
        raise ConversionError(
            f"The arrays of {path.name} have {', '.join(map(str, sorted(counts)))} rows: every"
            " input, and the labels, must have one row an example."
        )
    return [
        _sample(
            {name: array[index] for name, array in arrays.items()},
            None if labels is None else labels[index],
        )
        for index in range(counts.pop())
    ]


def _read(reader: Callable[[], Iterable[Any]], spool: Path) -> list[Sample]:
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(parents=True)
    samples = []
    for index, item in enumerate(islice(reader(), _MOST_READ)):
        feed, label = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
        read = _sample(feed, label)
        path = spool / f"{index:06d}.npz"
        save_outputs({name: np.asarray(value) for name, value in _named(feed).items()}, path)
        samples.append(Sample(read.key, partial(load_outputs, path), label))
    if not samples:
        raise ConversionError("The recipe's reader gives no example.")
    return samples


def _named(feed: Feed) -> Mapping[str, Tensor]:
    return feed if isinstance(feed, Mapping) else {ONLY_INPUT: feed}


def _sample(feed: Feed, label: Any) -> Sample:
    named = _named(feed)
    hashed = hashlib.sha256()
    for name in sorted(named):
        hashed.update(name.encode() + np.ascontiguousarray(named[name]).tobytes())
    return Sample(hashed.hexdigest(), partial(dict, named), label)


def _ordered(samples: list[Sample], classes: tuple[str, ...]) -> Samples:
    unique = {sample.key: sample for sample in reversed(samples)}
    found = tuple(unique[key] for key in sorted(unique))
    return Samples(found, classes, len(samples) - len(found))
