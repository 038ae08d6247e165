"""Telling of faces whether they wear a mask."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.backends import SessionPool, Tensor
from lintel.edge.errors import InferenceFailedError, InvalidArgumentError, LintelError
from lintel.edge.geometry import shaped
from lintel.edge.images import Picture
from lintel.edge.packages import MASK_LABELS, ClassesOutput, Package, Variant
from lintel.edge.tasks.masks.crops import Bytes, crop_faces
from lintel.edge.tasks.preparation import check_input, prepare
from lintel.edge.tasks.tensors import ExpectedTensor, check_outputs

Probabilities: TypeAlias = NDArray[np.float64]

# What float16 and quantized networks may be off by.
_TOLERANCE = 0.02
# Stands for a probability of 0, which has no logarithm.
_LEAST = 1e-12


class MaskState(StrEnum):
    """What is to be said of a face and its mask."""

    WORN = "worn"
    NOT_WORN = "not-worn"
    WORN_INCORRECTLY = "worn-incorrectly"
    UNSURE = "unsure"


# In the order of MASK_LABELS.
_STATES = (MaskState.WORN, MaskState.NOT_WORN, MaskState.WORN_INCORRECTLY)


def mask_states(probabilities: Probabilities, min_probability: float) -> list[MaskState]:
    """Says of faces what is likeliest.

    Args:
        probabilities: (N, 3), columns in the order of MASK_LABELS.
        min_probability: What is less probable is not said: UNSURE.

    Returns:
        N states.
    """
    return [
        _STATES[row.argmax()] if row.max() >= min_probability else MaskState.UNSURE
        for row in probabilities
    ]


class MaskClassifier:
    """Judges faces with a model of the task "classify-masks"; any thread may use it."""

    def __init__(self, package: Package, pool: SessionPool, variant: Variant | None = None) -> None:
        """Makes a classifier; one session is opened to see whether the manifest fits the model.

        Args:
            package: The model's package.
            pool: Sessions of one of its variants.
            variant: That variant; None: the first.

        Raises:
            InvalidArgumentError: It is no mask model.
            PackageInvalidError: The model does not take or give what the manifest says; `field`
                is the path of the key at fault.
            LintelError: What opening a session raised.
        """
        manifest = package.manifest
        expected = manifest.input_for(variant or manifest.variants[0])
        output = manifest.output
        if expected is None or expected.size is None or not isinstance(output, ClassesOutput):
            raise InvalidArgumentError("The model is not one that judges masks.")
        self._input = expected
        self._size = expected.size
        self._output = output
        self._columns = [output.labels.index(label) for label in MASK_LABELS]
        shapes = ((1, len(MASK_LABELS)), (len(MASK_LABELS),))
        self._expected = ExpectedTensor("output.probabilities", output.probabilities, shapes)
        self._pool = pool
        with pool.lease() as session:
            check_input(expected, session.inputs)
            check_outputs([self._expected], session.outputs)

    @property
    def long_side(self) -> int:
        """How long the long side of a crop needs to be, in pixels: more is not looked at."""
        return max(self._size)

    @property
    def min_probability(self) -> float:
        """What the model's maker holds to be the least that is to be relied on."""
        return self._output.min_probability

    def classify(
        self,
        picture: Picture,
        boxes: ArrayLike,
        *,
        margin: float | None = None,
        timeout_s: float | None = None,
    ) -> Probabilities:
        """Judges the faces of a picture, one after the other.

        One thread of a processor takes as long for four faces at once as for four by themselves
        (`python -m tests.bench.bench_masks`), and their memory would go with their number.

        Args:
            picture: Of 8 bits a channel.
            boxes: (N, 4), the faces: x_min,y_min,x_max,y_max in pixels of the full picture.
            margin: What is cut out around a face on each side, as a share of its box's longer
                side; None: as the model wants it.
            timeout_s: Seconds to wait for a session for each face; None: as long as it takes.

        Returns:
            (N, 3) calibrated probabilities that sum to 1, columns in the order of MASK_LABELS.

        Raises:
            InvalidArgumentError: The picture has 16 bits a channel, or the boxes are none.
            OverloadedError: No session came free in time.
            InferenceFailedError: The model failed, or gave what are no probabilities.
        """
        pixels = picture.pixels
        if pixels.dtype != np.uint8:
            raise InvalidArgumentError("Masks are judged in pictures of 8 bits a channel only.")
        scale = (pixels.shape[1] / picture.width, pixels.shape[0] / picture.height)
        crops = crop_faces(
            pixels.view(np.uint8),
            shaped(boxes).astype(np.float64) * (*scale, *scale),
            self._size,
            self._output.margin if margin is None else margin,
        )
        probabilities = np.empty((len(crops), len(MASK_LABELS)), np.float64)
        for place, crop in zip(probabilities, crops, strict=True):
            place[:] = self._judge(crop, timeout_s)
        return probabilities

    def read(self, results: Mapping[str, Tensor]) -> Probabilities:
        """Reads probabilities off what the model gave for one face.

        Args:
            results: The model's outputs, by name.

        Returns:
            (3,), as `classify` has them.

        Raises:
            InferenceFailedError: They are not what the manifest says.
        """
        values = self._expected.read(results).reshape(-1).astype(np.float64)
        if not np.isfinite(values).all():
            raise InferenceFailedError("The mask model gave what is no number.")
        if self._output.activation == "none":
            if values.min() < -_TOLERANCE or abs(values.sum() - 1) > _TOLERANCE:
                raise InferenceFailedError("The mask model gave what are no probabilities.")
            values = np.log(np.maximum(values, _LEAST))
        powers = np.exp((values - values.max()) / self._output.temperature)
        return np.asarray(powers[self._columns] / powers.sum())

    def _judge(self, crop: Bytes, timeout_s: float | None) -> Probabilities:
        """Judges one face, (height, width, 3) in the size that the model takes."""
        height, width = crop.shape[:2]
        try:
            tensor = prepare(Picture(crop, width, height, None, None), self._input).tensor
            with self._pool.lease(timeout_s) as session:
                results = session.run({session.inputs[0].name: tensor})
            return self.read(results)
        except InvalidArgumentError as error:
            # The caller's picture was in order: the package and its model do not fit.
            raise InferenceFailedError("The mask model failed on this picture.") from error
        except LintelError:
            raise
        except Exception as error:
            raise InferenceFailedError("The mask model failed on this picture.") from error
