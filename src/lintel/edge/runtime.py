"""The models of the device: found, opened, and ready for any thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from lintel.edge.backends import (
    InferenceCounters,
    SessionPool,
    Tensor,
    TensorSpec,
    backend_status,
    open_session,
)
from lintel.edge.config import ModelSettings, Settings
from lintel.edge.errors import (
    LintelError,
    ModelNotFoundError,
    ModelUnavailableError,
    SettingsInvalidError,
)
from lintel.edge.images import Picture
from lintel.edge.packages import (
    AUTO,
    FoundPackages,
    Package,
    Variant,
    builtin_packages,
    find_packages,
    load_package,
)
from lintel.edge.tables import shorten
from lintel.edge.tasks.faces import FaceDetector
from lintel.edge.tasks.masks import MaskClassifier

__all__ = ["InferenceCounters", "LoadedModel", "Runtime", "check_models"]

logger = logging.getLogger("lintel")

_KINDS = {"detect-faces": "face", "classify-masks": "mask", "forecast": "forecasting"}


class LoadedModel:
    """A model with at least one session open.

    Attributes:
        package: Where it comes from.
        variant: Which of the package's variants runs.
        pool: Its sessions.
        pool_size: Most of them.
        inputs: What it takes.
        outputs: What it gives.
        counters: What it has done.
    """

    def __init__(self, package: Package, settings: ModelSettings, workers: int) -> None:
        """Opens one session of a model.

        Args:
            package: The model's package.
            settings: How it runs.
            workers: The pool's size where the settings name none.

        Raises:
            SettingsInvalidError: The package has no variant of the name in the settings.
            ModelUnavailableError: This device cannot run the variant, or "auto" found none.
            PackageInvalidError: The model's file is not what the manifest says.
        """
        self.package = package
        self.variant = _choose_variant(package, settings)
        self.pool_size = settings.pool_size or workers
        self.pool = SessionPool(
            partial(open_session, package, self.variant, settings), self.pool_size
        )
        self.counters = self.pool.counters
        with self.pool.lease() as session:
            self.inputs: tuple[TensorSpec, ...] = session.inputs
            self.outputs: tuple[TensorSpec, ...] = session.outputs
        self.counters.reset()

    @property
    def backend(self) -> str:
        """What runs it: "litert", "onnx" or "opencv-cascade"."""
        return self.variant.backend

    def infer(
        self, feeds: Mapping[str, Tensor], timeout_s: float | None = None
    ) -> dict[str, Tensor]:
        """Runs the model once, and counts it.

        Args:
            feeds: An array for every input, by name.
            timeout_s: Seconds to wait for a session; None: as long as it takes.

        Returns:
            An array for every output, by name.

        Raises:
            InvalidArgumentError: A feed is missing, unknown, or of another dtype or shape.
            OverloadedError: No session came free in time.
            InferenceFailedError: The model failed on this input.
        """
        with self.pool.lease(timeout_s) as session:
            return session.run(feeds)

    def warm_up(self) -> None:
        """Runs the model once on zeros: the first run is slow, and may fail.

        Raises:
            InferenceFailedError: It did.
        """
        if any(-1 in spec.shape[1:] for spec in self.inputs):
            # Which lengths fit together, only the callers know.
            return
        self.infer({spec.name: _zeros(spec) for spec in self.inputs})


class Runtime:
    """All models of the device, its face detectors and its mask classifiers.

    Attributes:
        models: The models that can be used, by name.
        broken: Why others cannot, by the name of the model or, where that could not be read,
            of its folder.
    """

    def __init__(self, settings: Settings, workers: int) -> None:
        """Opens one session of every model.

        Args:
            settings: The device's settings.
            workers: Requests worked on at a time, at least 1.

        Raises:
            SettingsInvalidError: The folder of packages cannot be read.
            ModelNotFoundError: The face model of the settings is not on the device, or is none.
            LintelError: It is broken. Other models may be: they are logged and listed.
        """
        self._face_model = settings.faces.model
        self._mask_model = settings.masks.model
        self._camera_model = settings.pipeline.model if settings.cameras else ""
        self._models: dict[str, LoadedModel] = {}
        self._detectors: dict[str, FaceDetector] = {}
        self._classifiers: dict[str, MaskClassifier] = {}
        self._broken: dict[str, LintelError] = {}
        self.models: Mapping[str, LoadedModel] = MappingProxyType(self._models)
        self.broken: Mapping[str, LintelError] = MappingProxyType(self._broken)
        directory = settings.models.directory
        found = find_packages(Path(directory) if directory else None)
        for name, error in found.broken.items():
            self._set_aside(name, error)
        for name, package in (self._needed_builtin(found) | found.packages).items():
            with self._or_set_aside(name):
                self._load(package, settings.models.for_model(name), workers)
        known = {folder.name for folder in builtin_packages()} | found.packages.keys()
        for name in settings.models.override.keys() - known - self._broken.keys():
            logger.warning("There are settings for the model %s, which is not there.", name)
        if self._face_model and self._face_model not in self._detectors:
            raise ModelNotFoundError(
                f"There is no face model {shorten(self._face_model)} on this device: faces.model"
                " must name a built-in one or one of the folder models.directory.",
                field="faces.model",
            )

    @property
    def finds_faces(self) -> bool:
        """Whether there is a face model that callers get without naming one."""
        return self._face_model in self._detectors

    def face_detector(self, name: str = "") -> FaceDetector:
        """Returns the detector that runs a model.

        Args:
            name: Of a face model; "": the one of the settings.

        Raises:
            ModelNotFoundError: There is no face model of that name.
        """
        detector = self._detectors.get(name or self._face_model)
        if detector is None:
            message = (
                f"There is no face model of that name; {_those(self._detectors)}."
                if name
                else "The device is set to have no face model (faces.model)."
            )
            raise ModelNotFoundError(message, field="model")
        return detector

    @property
    def judges_masks(self) -> bool:
        """Whether there is a mask model that callers get without naming one."""
        return self._mask_model in self._classifiers

    def mask_classifier(self, name: str = "") -> MaskClassifier:
        """Returns the classifier that runs a model.

        Args:
            name: Of a mask model; "": the one of the settings.

        Raises:
            ModelNotFoundError: There is no mask model of that name that can be used.
        """
        classifier = self._classifiers.get(name or self._mask_model)
        if classifier is None:
            message = (
                f"There is no mask model of that name; {_those(self._classifiers)}."
                if name
                else "The device has no mask model that can be used, so it judges no masks."
            )
            raise ModelNotFoundError(message, field="model")
        return classifier

    def warm_up(self) -> None:
        """Runs every model once, uncounted; one that fails is set aside.

        Raises:
            LintelError: The face model of the settings failed.
        """
        for name, model in list(self._models.items()):
            with self._or_set_aside(name):
                if name in self._detectors:
                    self._detectors[name].detect(_black_picture())
                elif name in self._classifiers:
                    self._classifiers[name].classify(_black_picture(), [(0, 0, 480, 480)])
                else:
                    model.warm_up()
                model.counters.reset()

    def close(self, timeout_s: float | None = None) -> None:
        """Lends no more sessions, and waits for those that are lent.

        Args:
            timeout_s: Seconds to wait for all models together; None: as long as it takes.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for name, model in self._models.items():
            left_s = None if deadline is None else max(deadline - time.monotonic(), 0)
            if not model.pool.close(left_s):
                logger.warning("The model %s was still running when it was closed.", name)

    def _needed_builtin(self, found: FoundPackages) -> dict[str, Package]:
        """Returns the built-in packages that the settings name, where the device has no others.

        One that is broken is another too: what was installed is not replaced in silence.
        """
        named = {self._face_model, self._mask_model, self._camera_model}
        wanted = named - found.packages.keys() - found.broken.keys()
        packages: dict[str, Package] = {}
        for folder in builtin_packages():
            if folder.name in wanted:
                with self._or_set_aside(folder.name):
                    packages[folder.name] = load_package(folder)
        return packages

    def _load(self, package: Package, settings: ModelSettings, workers: int) -> None:
        """Opens a model, and holds it against its manifest."""
        name = package.name
        model = LoadedModel(package, settings, workers)
        if package.manifest.task == "detect-faces":
            self._detectors[name] = FaceDetector(package, model.pool, model.variant)
        elif package.manifest.task == "classify-masks":
            self._classifiers[name] = MaskClassifier(package, model.pool, model.variant)
        model.counters.reset()
        self._models[name] = model

    @contextmanager
    def _or_set_aside(self, name: str) -> Iterator[None]:
        try:
            yield
        except LintelError as error:
            self._set_aside(name, error)

    def _set_aside(self, name: str, error: LintelError) -> None:
        """Does without a model, but for the face model: nothing is private without it."""
        if name == self._face_model:
            raise error
        self._models.pop(name, None)
        self._detectors.pop(name, None)
        self._classifiers.pop(name, None)
        self._broken[name] = error
        logger.error("The model %s is not used: %s (%s)", name, error.message, error.field)


def _those(models: Mapping[str, object]) -> str:
    """Says which models there are."""
    return f"there are {', '.join(sorted(models))}" if models else "there is none"


def check_models(settings: Settings) -> None:
    """Checks that the models of the settings are on the device; none is opened.

    Raises:
        SettingsInvalidError: One is not, or is of another kind, or has no such variant; or the
            folder of packages cannot be read.
    """
    directory = settings.models.directory
    found = find_packages(Path(directory) if directory else None)
    own = [folder for folder in builtin_packages() if folder.name not in found.broken]
    packages = {folder.name: load_package(folder) for folder in own} | found.packages
    camera_model = settings.pipeline.model or settings.faces.model
    if settings.cameras and not camera_model:
        raise SettingsInvalidError(
            "Cameras need a face model: name one in pipeline.model.", field="pipeline.model"
        )
    wanted = [
        ("faces.model", settings.faces.model, "detect-faces"),
        ("pipeline.model", camera_model if settings.cameras else "", "detect-faces"),
        ("masks.model", settings.masks.model, "classify-masks"),
        *(("forecast.networks", name, "forecast") for name in settings.forecast.networks),
    ]
    for field, name, task in wanted:
        if name and (name not in packages or packages[name].manifest.task != task):
            raise SettingsInvalidError(
                f'{field}: There is no {_KINDS[task]} model "{name}" that can be used.', field=field
            )
    used = {name for _, name, _ in wanted if name} | found.packages.keys()
    for name in used | (settings.models.override.keys() & packages.keys()):
        for_model = settings.models.for_model(name)
        if for_model.variant != AUTO:
            _choose_variant(packages[name], for_model)


def _choose_variant(package: Package, settings: ModelSettings) -> Variant:
    """Returns the variant of the settings, or the first that this device can run."""
    variants = package.manifest.variants
    if settings.variant == AUTO:
        for variant in variants:
            if backend_status(variant.backend).usable:
                return variant
        raise ModelUnavailableError("None of the model's variants can run on this device.")
    for variant in variants:
        if variant.name == settings.variant:
            return variant
    names = ", ".join(variant.name for variant in variants)
    raise SettingsInvalidError(
        f"The model {package.name} has no such variant; it has {names}.",
        field=f"models.override.{package.name}.variant",
    )


def _zeros(spec: TensorSpec) -> Tensor:
    shape = [1 if length == -1 else length for length in spec.shape]
    return np.full(shape, b"" if spec.dtype == object else 0, spec.dtype)


def _black_picture() -> Picture:
    pixels = np.zeros((480, 640, 3), np.uint8)
    return Picture(pixels, width=640, height=480, format=None, raw_format=None)
