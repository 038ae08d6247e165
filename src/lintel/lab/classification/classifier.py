"""What is evaluated: anything that judges the masks of faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.images import Picture
from lintel.edge.packages import AUTO, MASK_LABELS, ClassesOutput, Package
from lintel.edge.tasks.masks import MaskClassifier, crop_faces
from lintel.lab.errors import LabError
from lintel.lab.evaluation import describe_model, find_package, open_model
from lintel.lab.training.backend import start_keras

Bytes: TypeAlias = NDArray[np.uint8]
Probabilities: TypeAlias = NDArray[np.float64]

KERAS_SUFFIX = ".keras"
SETTINGS = "settings.json"
"""Lies beside a model that `lintel-lab train` made."""
DEFAULT_MARGIN = 0.2


class Classifier(Protocol):
    """Judges faces, on one thread."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def details(self) -> str:
        """What exactly it is."""

    def classify(self, pixels: Bytes, boxes: ArrayLike) -> Probabilities:
        """Judges the faces of a picture.

        Args:
            pixels: Shape (H, W) grey or (H, W, 3) blue, green, red; not to be changed.
            boxes: Shape (N, 4): x_min, y_min, x_max, y_max in those pixels.

        Returns:
            Shape (N, 3), columns in the order of MASK_LABELS; rows sum to 1.
        """


class PackageClassifier:
    """A model package, run by the device's own code, so that what is measured is what will run."""

    def __init__(self, package: Package, variant: str = AUTO) -> None:
        """Opens a model on one thread.

        Args:
            package: Of a mask model.
            variant: Name of one of its variants; "auto": the one that this machine would choose.

        Raises:
            LabError: It is no mask model.
            LintelError: It is broken, or this machine cannot run it.
        """
        if not isinstance(package.manifest.output, ClassesOutput):
            raise LabError(f"The package {package.name} is no mask model.")
        model = open_model(package, variant)
        self._classifier = MaskClassifier(package, model.pool, model.variant)
        self.name, self.details = describe_model(model)

    def classify(self, pixels: Bytes, boxes: ArrayLike) -> Probabilities:
        """Judges faces; see `Classifier`."""
        height, width = pixels.shape[:2]
        picture = Picture(pixels, width, height, format=None, raw_format=None)
        return self._classifier.classify(picture, boxes)


class KerasClassifier:
    """A Keras model as `lintel-lab train` makes it, run by Keras.

    It takes crops of blue, green, red from 0 to 255, and gives a logit or a probability a class.
    How much context its crops have is read from `settings.json` beside it, where that is.
    """

    def __init__(self, path: Path) -> None:
        """Opens a .keras file.

        Raises:
            LabError: It cannot be read, or takes or gives something else.
        """
        self._model = load_keras(path)
        taken = self._model.input_shape
        if len(taken) != 4 or taken[3] != 3 or not taken[1] or not taken[2]:
            raise LabError(f"{path} takes {taken}, and no crops of three colours.")
        if self._model.output_shape[-1] != len(MASK_LABELS):
            raise LabError(
                f"{path} gives {self._model.output_shape[-1]} numbers, and not one for each of"
                f" {', '.join(MASK_LABELS)}."
            )
        self._size = (int(taken[2]), int(taken[1]))
        self._margin = trained_margin(path)
        # Models that are trained side by side are told apart by their folders.
        self.name = path.stem if path.stem != "model" else path.resolve().parent.name
        self.details = (
            f"{path}, {self._model.count_params():,} parameters, {self._size[0]} x"
            f" {self._size[1]} pixels, margin {self._margin:g}, run by Keras"
        )

    def classify(self, pixels: Bytes, boxes: ArrayLike) -> Probabilities:
        """Judges faces; see `Classifier`."""
        crops = crop_faces(pixels, boxes, self._size, self._margin)
        # One at a time: a batch of another size would be compiled anew.
        rows = [self._model.predict_on_batch(crop[None].astype(np.float32)) for crop in crops]
        return as_probabilities(np.concatenate([np.empty((0, len(MASK_LABELS))), *rows]))


def open_classifier(text: str) -> Classifier:
    """Opens a classifier of masks.

    Args:
        text: A .keras file; or a folder with model.toml, or the name of a built-in package, and
            "@VARIANT" may follow.

    Raises:
        LabError: There is no such model, or it judges no masks.
        LintelError: It is broken, or this machine cannot run it.
    """
    if text.endswith(KERAS_SUFFIX):
        return KerasClassifier(Path(text))
    return PackageClassifier(*find_package(text))


def load_keras(path: Path) -> Any:
    """Reads a Keras model.

    Raises:
        LabError: It cannot be read.
    """
    if not path.is_file():
        raise LabError(f"There is no file {path}.")
    try:
        start_keras()
        import keras  # noqa: PLC0415 -- takes seconds
    except ModuleNotFoundError as error:
        raise LabError("Keras models need Keras: pip install 'lintel[convert]'.") from error
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise LabError(f"Keras cannot read {path}: {reason}") from error


def trained_margin(path: Path) -> float:
    """Tells how much context round a face a Keras model was trained with."""
    settings = path.with_name(SETTINGS)
    if not settings.is_file():
        return DEFAULT_MARGIN
    try:
        return float(json.loads(settings.read_bytes()).get("margin", DEFAULT_MARGIN))
    except (ValueError, AttributeError, TypeError) as error:
        raise LabError(f"{settings} is not what `lintel-lab train` writes.") from error


def as_probabilities(values: NDArray[np.floating[Any]]) -> Probabilities:
    """Turns logits (N, C) into probabilities; what are probabilities already stay as they are."""
    rows = values.astype(np.float64)
    if (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3):
        return np.asarray(rows / rows.sum(axis=1, keepdims=True))
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
