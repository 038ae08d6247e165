"""What is evaluated: anything that finds faces in pixels."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lintel.edge.config import ModelSettings, Settings
from lintel.edge.images import Picture
from lintel.edge.packages import AUTO, FaceOutput, Package, builtin_packages, load_package
from lintel.edge.runtime import LoadedModel
from lintel.edge.tasks.faces import FaceDetector
from lintel.lab.errors import LabError

MANIFEST = "model.toml"


class Found(NamedTuple):
    """What a detector finds in a picture.

    Attributes:
        boxes: Shape (N, 4), float32, x_min, y_min, x_max, y_max in pixels of the picture.
        scores: Shape (N,), float32, higher is surer.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]


class Detector(Protocol):
    """Finds faces in pictures, on one thread."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def details(self) -> str:
        """What exactly it is: package, version, digest, runtime."""

    @property
    def default_score(self) -> float:
        """The threshold that people who use it get where they set none."""

    @property
    def cover_score(self) -> float:
        """The threshold that they get where faces are blurred."""

    def detect(
        self, pixels: NDArray[np.uint8], min_score: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Finds faces.

        Args:
            pixels: Shape (H, W) grey or (H, W, 3) blue, green, red; not to be changed.
            min_score: Faces scored below are left out.

        Returns:
            As `Found`.
        """


class PackageDetector:
    """A model package, run by the device's own code, so that what is measured is what will run."""

    def __init__(self, package: Package, variant: str = AUTO) -> None:
        """Opens a model on one thread.

        Args:
            package: Of a face model.
            variant: Name of one of its variants; "auto": the one that this machine would choose.

        Raises:
            LabError: It is no face model.
            LintelError: It is broken, or this machine cannot run it.
        """
        output = package.manifest.output
        if not isinstance(output, FaceOutput):
            raise LabError(f"The package {package.name} is no face model.")
        model = open_model(package, variant)
        self._detector = FaceDetector(package, model.pool, model.variant)
        self.default_score = output.min_score
        self.cover_score = Settings().blur.min_score
        self.name, self.details = describe_model(model)

    def detect(self, pixels: NDArray[np.uint8], min_score: float) -> Found:
        """Finds faces; see `Detector`."""
        height, width = pixels.shape[:2]
        picture = Picture(pixels, width, height, format=None, raw_format=None)
        return Found(*self._detector.detect(picture, min_score))


def open_model(package: Package, variant: str = AUTO) -> LoadedModel:
    """Opens a model on one thread; the arguments are those of `PackageDetector`."""
    return LoadedModel(package, ModelSettings(variant=variant, pool_size=1), workers=1)


def describe_model(model: LoadedModel) -> tuple[str, str]:
    """Returns what tables call a model, and what exactly it is."""
    package, variant = model.package, model.variant
    return f"{package.name}@{variant.name}", (
        f"package {package.name} {package.version}, variant {variant.name}"
        f" ({model.backend}, {variant.precision}), SHA-256 {variant.sha256[:16]}"
    )


def open_package(text: str) -> PackageDetector:
    """Opens a model package as a detector.

    Args:
        text: A folder with model.toml, or the name of a built-in package; "@VARIANT" may follow.

    Raises:
        LabError: There is no such package, or it is no face model.
        LintelError: It is broken, or this machine cannot run it.
    """
    return PackageDetector(*find_package(text))


def find_package(text: str) -> tuple[Package, str]:
    """Reads a model package.

    Args:
        text: As for `open_package`.

    Returns:
        The package, and the name of the variant, or "auto".

    Raises:
        LabError: There is no such package.
        LintelError: It is broken.
    """
    place, _, variant = text.rpartition("@") if "@" in text else (text, "", "")
    folder = Path(place)
    if not (folder / MANIFEST).is_file():
        builtin = {path.name: path for path in builtin_packages()}
        if place not in builtin:
            raise LabError(
                f"There is no model package {place}: neither a folder with {MANIFEST} nor one of"
                f" {', '.join(builtin)}."
            )
        folder = builtin[place]
    return load_package(folder), variant or AUTO
