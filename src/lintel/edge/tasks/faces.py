"""Finding faces in pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lintel.edge.backends import SessionPool, Tensor
from lintel.edge.backends.cascade import AGREEING, BOXES
from lintel.edge.errors import InferenceFailedError, InvalidArgumentError, LintelError
from lintel.edge.geometry import clip, non_maximum_suppression
from lintel.edge.images import Picture
from lintel.edge.packages import Calibration, CascadeOutput, Input, Package

Floats: TypeAlias = NDArray[np.float32]

# Fills what a letterbox leaves free; the grey that detectors are commonly trained with.
_FILL = 114


class Detections(NamedTuple):
    """Faces found in a picture, best first.

    Attributes:
        boxes: float32 (N, 4), x_min,y_min,x_max,y_max in pixels of the full picture, within it.
        scores: float32 (N,), probabilities.
    """

    boxes: Floats
    scores: Floats


class Prepared(NamedTuple):
    """A picture as a model takes it.

    Attributes:
        tensor: In the model's layout, with a first axis of 1.
        scale: Pixels of the tensor per pixel of the full picture, along x and y.
    """

    tensor: Tensor
    scale: tuple[float, float]


class Found(NamedTuple):
    """What a decoder makes of a model's outputs.

    Attributes:
        boxes: float32 (N, 4), x_min,y_min,x_max,y_max in pixels of the model's input.
        scores: float32 (N,), as the model gives them.
    """

    boxes: Floats
    scores: Floats


def decode_cascade(results: Mapping[str, Tensor], _output: CascadeOutput) -> Found:
    """Takes the boxes of a CascadeSession; a score is the logarithm of the windows that agree."""
    return Found(results[BOXES], np.log(results[AGREEING]))


# By the kind of [output] in the manifest.
DECODERS: Mapping[type, Callable[[Mapping[str, Tensor], Any], Found]] = MappingProxyType(
    {CascadeOutput: decode_cascade}
)


class FaceDetector:
    """Finds faces with a model of the task "detect-faces"; any thread may use it."""

    def __init__(self, package: Package, pool: SessionPool) -> None:
        """Makes a detector.

        Args:
            package: The model's package.
            pool: Sessions of one of its variants.

        Raises:
            InvalidArgumentError: It is no face model.
        """
        manifest = package.manifest
        decoder = DECODERS.get(type(manifest.output))
        if manifest.input is None or not isinstance(manifest.output, CascadeOutput) or not decoder:
            raise InvalidArgumentError("The model is not one that finds faces.")
        self._input = manifest.input
        self._output = manifest.output
        self._decode = decoder
        self._pool = pool

    @property
    def long_side(self) -> int:
        """How long the long side of a picture needs to be, in pixels: more is not looked at."""
        return self._input.long_side or max(self._input.size or (0,))

    def detect(
        self, picture: Picture, min_score: float | None = None, timeout_s: float | None = None
    ) -> Detections:
        """Finds the faces in a picture.

        Args:
            picture: Of 8 bits a channel.
            min_score: Faces scored below are left out, 0 to 1; None: the model's own.
            timeout_s: Seconds to wait for a session; None: as long as it takes.

        Returns:
            The faces; none where the model found none.

        Raises:
            InvalidArgumentError: The picture has 16 bits a channel.
            OverloadedError: No session came free in time.
            InferenceFailedError: The model failed, or gave what is no box or no score.
        """
        if picture.pixels.dtype != np.uint8:
            raise InvalidArgumentError("Faces are looked for in pictures of 8 bits a channel only.")
        try:
            prepared = prepare(picture, self._input)
            with self._pool.lease(timeout_s) as session:
                results = session.run({session.inputs[0].name: prepared.tensor})
            found = self._decode(results, self._output)
            least = self._output.min_score if min_score is None else min_score
            return self._select(found, prepared.scale, picture, least)
        except InvalidArgumentError as error:
            # The caller's picture was in order: the package and its model do not fit.
            raise InferenceFailedError("The face model failed on this picture.") from error
        except LintelError:
            raise
        except Exception as error:
            raise InferenceFailedError("The face model failed on this picture.") from error

    def _select(
        self, found: Found, scale: tuple[float, float], picture: Picture, min_score: float
    ) -> Detections:
        """Turns what was found into faces of the full picture."""
        scores = calibrate(found.scores, self._output.calibration)
        scales: Floats = np.array([*scale, *scale], dtype=np.float32)
        boxes: Floats = np.divide(found.boxes, scales)
        if not (np.isfinite(scores).all() and np.isfinite(boxes).all()):
            # Who knows where a face is then: an empty answer would show it.
            raise InferenceFailedError("The face model gave what is no box or no score.")
        clipped = clip(boxes, picture.width, picture.height)
        has_area = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
        chosen = np.flatnonzero((scores >= min_score) & has_area)
        kept = chosen[non_maximum_suppression(clipped[chosen], scores[chosen], self._output.iou)]
        return Detections(clipped[kept], scores[kept])


def calibrate(scores: Floats, calibration: Calibration) -> Floats:
    """Turns raw scores into probabilities, (N,) each; see Calibration."""
    logits = np.asarray(scores, np.float64) * calibration.slope + calibration.intercept
    # The same as 1 / (1 + exp(-x)), without its overflow.
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)


def prepare(picture: Picture, expected: Input) -> Prepared:
    """Brings a picture into the form that a model takes.

    Args:
        picture: Of 8 bits a channel.
        expected: What the model takes.
    """
    import cv2  # noqa: PLC0415 -- importing the tasks is not to cost its memory

    height, width = picture.pixels.shape[:2]
    target, canvas = _sizes(width, height, expected)
    pixels = picture.pixels.view(np.uint8)
    if target != (width, height):
        shrinks = target[0] < width
        way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        pixels = cv2.resize(pixels, target, interpolation=way).view(np.uint8)
    pixels = _recolour(pixels, expected.colour)
    if canvas != target:
        right, below = canvas[0] - target[0], canvas[1] - target[1]
        fill = (_FILL, _FILL, _FILL)
        pixels = cv2.copyMakeBorder(
            pixels, 0, below, 0, right, cv2.BORDER_CONSTANT, value=fill
        ).view(np.uint8)
    tensor = _normalise(pixels.reshape(1, canvas[1], canvas[0], expected.channels), expected)
    if expected.layout == "NCHW":
        tensor = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2))
    return Prepared(tensor, (target[0] / picture.width, target[1] / picture.height))


def _sizes(width: int, height: int, expected: Input) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns what a picture is resized to, and the canvas that this lies on, top left."""
    if expected.long_side is not None:
        ratio = expected.long_side / max(width, height)
    elif expected.size is not None and expected.resize == "letterbox":
        ratio = min(expected.size[0] / width, expected.size[1] / height)
    else:
        size = expected.size or (width, height)
        return size, size
    target = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return target, expected.size or target


def _recolour(pixels: NDArray[np.uint8], colour: str) -> NDArray[np.uint8]:
    """Converts grey (H, W) or BGR (H, W, 3) to the channels that a model takes."""
    import cv2  # noqa: PLC0415 -- as in prepare

    conversions = {
        (2, "bgr"): cv2.COLOR_GRAY2BGR,
        (2, "rgb"): cv2.COLOR_GRAY2RGB,
        (3, "grey"): cv2.COLOR_BGR2GRAY,
        (3, "rgb"): cv2.COLOR_BGR2RGB,
    }
    conversion = conversions.get((pixels.ndim, colour))
    return pixels if conversion is None else cv2.cvtColor(pixels, conversion).view(np.uint8)


def _normalise(pixels: NDArray[np.uint8], expected: Input) -> Tensor:
    """Applies mean and scale, (1, H, W, C) before and after."""
    if expected.mean == (0.0,) and expected.scale == (1.0,) and expected.dtype == "uint8":
        return pixels
    mean, scale = np.array(expected.mean, np.float32), np.array(expected.scale, np.float32)
    values: Floats = (pixels.astype(np.float32) - mean) * scale
    if expected.dtype == "float32":
        return values
    limits = np.iinfo(expected.dtype)
    quantized: Tensor = np.clip(np.rint(values), limits.min, limits.max).astype(expected.dtype)
    return quantized
