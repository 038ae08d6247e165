"""Crops of faces as vectors: what a trained model makes of them, or what can be had without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from lintel.edge.images import Picture
from lintel.edge.packages import ClassesOutput, Input, Package
from lintel.edge.tasks.preparation import prepare
from lintel.lab.classification.classifier import (
    DEFAULT_MARGIN,
    KERAS_SUFFIX,
    load_keras,
    trained_margin,
)
from lintel.lab.clustering.tensors import open_tensor
from lintel.lab.errors import LabError
from lintel.lab.evaluation import describe_model, find_package, open_model
from lintel.lab.training.crops import CropError, cut_faces
from lintel.lab.training.faces import Face

Bytes: TypeAlias = NDArray[np.uint8]
Vectors: TypeAlias = NDArray[np.float32]

PIXELS, HISTOGRAMS = "pixels", "hog"
_PIXELS_SIDE, _HISTOGRAMS_SIDE = 32, 64
_BATCH = 64


class Extractor(Protocol):
    """Makes vectors of crops."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def details(self) -> str:
        """What exactly it is."""

    @property
    def size(self) -> int:
        """Pixels of a side of the crops that it takes."""

    @property
    def margin(self) -> float:
        """Context that these have, see `crop_faces`."""

    def extract(self, crops: Bytes) -> Vectors:
        """Makes vectors.

        Args:
            crops: Shape (N, size, size, 3), blue, green, red.

        Returns:
            Shape (N, D).
        """


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Faces as vectors.

    Attributes:
        name: Of what made them.
        details: What exactly that is.
        faces: N faces.
        crops: Shape (N, S, S, 3), what was looked at: blue, green, red.
        vectors: Shape (N, D).
        left_out: Faces that could not be cut out, a sentence each.
    """

    name: str
    details: str
    faces: tuple[Face, ...]
    crops: Bytes
    vectors: Vectors
    left_out: tuple[str, ...]


def extract_features(
    faces: Sequence[Face],
    extractor: Extractor,
    *,
    progress: Callable[[int], object] = lambda _done: None,
) -> Features:
    """Cuts faces out and makes vectors of them.

    Args:
        faces: Those of a picture follow each other.
        extractor: Makes the vectors.
        progress: Called after each picture with how many faces it has.

    Raises:
        LabError: The model failed, or gives what are no numbers.
    """
    problems: list[CropError] = []
    cut = cut_faces(
        faces, extractor.size, extractor.margin, report=problems.append, progress=progress
    )
    parts = [
        extractor.extract(cut.pixels[start : start + _BATCH])
        for start in range(0, len(cut.pixels), _BATCH)
    ]
    vectors = np.concatenate(parts) if parts else np.empty((0, 0), np.float32)
    if not np.isfinite(vectors).all():
        raise LabError(f"{extractor.name} makes vectors with what are no numbers.")
    return Features(
        extractor.name,
        extractor.details,
        cut.faces,
        cut.pixels,
        vectors,
        tuple(str(problem) for problem in problems),
    )


def open_extractor(text: str, layer: str = "") -> Extractor:
    """Opens what makes vectors.

    Args:
        text: A .keras file; a folder with model.toml or the name of a built-in package, of a
            mask model, and "@VARIANT" may follow; "pixels"; "hog".
        layer: Of a .keras file the name of a layer, of a package that of a tensor; "pixels" and
            "hog" have none. Default: what the last layer with weights takes; and the package's
            output.

    Raises:
        LabError: There is no such model or layer.
        LintelError: The package is broken, or this machine cannot run it.
    """
    if text in {PIXELS, HISTOGRAMS}:
        return PixelExtractor() if text == PIXELS else HistogramExtractor()
    if text.endswith(KERAS_SUFFIX):
        return KerasExtractor(Path(text), layer)
    return PackageExtractor(*find_package(text), layer)


class PixelExtractor:
    """The colours themselves, of small crops."""

    name = PIXELS
    details = f"pixels: the colours of {_PIXELS_SIDE} x {_PIXELS_SIDE} pixels"
    size = _PIXELS_SIDE
    margin = DEFAULT_MARGIN

    def extract(self, crops: Bytes) -> Vectors:
        """Makes vectors; see `Extractor`."""
        return crops.reshape(len(crops), -1).astype(np.float32)


class HistogramExtractor:
    """Histograms of oriented gradients (N. Dalal and B. Triggs, 2005), of OpenCV."""

    name = HISTOGRAMS
    details = (
        f"hog: histograms of oriented gradients, of {_HISTOGRAMS_SIDE} x {_HISTOGRAMS_SIDE} pixels"
    )
    size = _HISTOGRAMS_SIDE
    margin = DEFAULT_MARGIN

    def extract(self, crops: Bytes) -> Vectors:
        """Makes vectors; see `Extractor`."""
        whole = (_HISTOGRAMS_SIDE, _HISTOGRAMS_SIDE)
        descriptor = cv2.HOGDescriptor(whole, (16, 16), (8, 8), (8, 8), 9)
        return np.stack(
            [np.asarray(descriptor.compute(crop), np.float32).ravel() for crop in crops]
        )


class KerasExtractor:
    """A layer of a Keras model as `lintel-lab train` makes it; maps are averaged over space."""

    def __init__(self, path: Path, layer: str = "") -> None:
        """Opens a .keras file.

        Raises:
            LabError: It cannot be read, takes no square crops of three colours, or has no such
                layer.
        """
        model = load_keras(path)
        taken = model.input_shape
        if len(taken) != 4 or taken[3] != 3 or not taken[1] or taken[1] != taken[2]:
            raise LabError(f"{path} takes {taken}, and no square crops of three colours.")
        import keras  # noqa: PLC0415 -- takes seconds

        tensor = _penultimate(model, path) if not layer else _layer(model, path, layer).output
        self._model = keras.Model(model.inputs, tensor)
        self.size, self.margin = int(taken[1]), trained_margin(path)
        folder = path.resolve().parent.name
        self.name = (path.stem if path.stem != "model" else folder) + (f":{layer}" if layer else "")
        place = f"layer {layer}" if layer else "what its last layer with weights takes"
        self.details = f"{self.name}: {path}, {place}, {self.size} pixels, margin {self.margin:g}"

    def extract(self, crops: Bytes) -> Vectors:
        """Makes vectors; see `Extractor`."""
        return _flat(np.asarray(self._model.predict_on_batch(crops.astype(np.float32))))


class PackageExtractor:
    """An output of a mask package, or a tensor within it, of the variant that would run here."""

    def __init__(self, package: Package, variant: str, layer: str = "") -> None:
        """Opens a package.

        Args:
            package: Of a mask model.
            variant: Name of one of its variants, or "auto".
            layer: Name of a tensor; "": the output.

        Raises:
            LabError: It is no mask model, or has no such tensor.
            LintelError: It is broken, or this machine cannot run it.
        """
        output = package.manifest.output
        model = open_model(package, variant)
        expected = package.manifest.input_for(model.variant)
        if not isinstance(output, ClassesOutput) or expected is None or expected.size is None:
            raise LabError(f"The package {package.name} is no mask model.")
        if expected.size[0] != expected.size[1]:
            raise LabError(f"The package {package.name} takes no square crops.")
        self._expected: Input = expected
        self._is_onnx = model.variant.backend == "onnx"
        self._run = open_tensor(package, model.variant, layer or output.probabilities)
        self.size, self.margin = expected.size[0], output.margin
        name, details = describe_model(model)
        self.name = name + (f":{layer}" if layer else "")
        self.details = f"{self.name}: {details}, tensor {layer or output.probabilities}"

    def extract(self, crops: Bytes) -> Vectors:
        """Makes vectors; see `Extractor`."""
        rows = []
        for crop in crops:
            picture = Picture(crop, self.size, self.size, format=None, raw_format=None)
            rows.append(self._run(prepare(picture, self._expected).tensor))
        # Convolutions of ONNX have their channels first, whatever the model takes.
        return _flat(np.concatenate(rows), (2, 3) if self._is_onnx else (1, 2))


def _layer(model: Any, path: Path, name: str) -> Any:
    names = [layer.name for layer in model.layers]
    if name not in names:
        raise LabError(f"{path} has no layer {name}; it has {', '.join(names)}.")
    return model.get_layer(name)


def _penultimate(model: Any, path: Path) -> Any:
    """Returns what the last layer with weights takes: the features that classes are told by."""
    for layer in reversed(model.layers):
        if layer.weights:
            return layer.input
    raise LabError(f"{path} has no layer with weights.")


def _flat(values: NDArray[Any], space: tuple[int, int] = (1, 2)) -> Vectors:
    """Averages maps, of four axes, over space; all else becomes (N, D)."""
    plain = values.mean(axis=space) if values.ndim == 4 else values
    return np.asarray(plain.reshape(len(plain), -1), np.float32)
