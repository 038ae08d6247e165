"""Finding faces in pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lintel.edge.backends import SessionPool, Tensor
from lintel.edge.errors import (
    InferenceFailedError,
    InvalidArgumentError,
    LintelError,
)
from lintel.edge.geometry import clip, non_maximum_suppression
from lintel.edge.images import Picture
from lintel.edge.packages import FaceOutput, Package, Variant
from lintel.edge.tasks.faces.decoders import (
    Found,
    calibrate,
    check_outputs,
    least_raw_score,
    make_decoder,
)
from lintel.edge.tasks.faces.parts import Detections, detect_in_parts
from lintel.edge.tasks.preparation import Prepared, check_input, prepare


class FaceDetector:
    """Finds faces with a model of the task "detect-faces"; any thread may use it."""

    def __init__(self, package: Package, pool: SessionPool, variant: Variant | None = None) -> None:
        """Makes a detector; one session is opened to see whether the manifest fits the model.

        Args:
            package: The model's package.
            pool: Sessions of one of its variants.
            variant: That variant; None: the first.

        Raises:
            InvalidArgumentError: It is no face model.
            PackageInvalidError: The model does not take or give what the manifest says; `field`
                is the path of the key at fault.
            LintelError: What opening a session raised.
        """
        manifest = package.manifest
        expected = manifest.input_for(variant or manifest.variants[0])
        if expected is None or not isinstance(manifest.output, FaceOutput):
            raise InvalidArgumentError("The model is not one that finds faces.")
        self._input = expected
        self._output = manifest.output
        self._decoder = make_decoder(manifest.output, expected)
        self._pool = pool
        with pool.lease() as session:
            check_input(expected, session.inputs)
            check_outputs(self._decoder.expected(expected.size), session.outputs)

    @property
    def long_side(self) -> int:
        """How long the long side of a picture needs to be, in pixels: more is not looked at."""
        return self._input.long_side or max(self._input.size or (0,))

    @property
    def min_score(self) -> float:
        """What the model's maker holds to be the least that is to be relied on."""
        return self._output.min_score

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
            return self.read(results, prepared, picture, min_score)
        except InvalidArgumentError as error:
            # The caller's picture was in order: the package and its model do not fit.
            raise InferenceFailedError("The face model failed on this picture.") from error
        except LintelError:
            raise
        except Exception as error:
            raise InferenceFailedError("The face model failed on this picture.") from error

    def detect_closely(
        self, picture: Picture, min_score: float | None = None, timeout_s: float | None = None
    ) -> Detections:
        """Finds the faces in a large picture: in all of it, and in overlapping parts.

        In all of it a face of less than a twenty-fifth of its long side is hardly seen. In parts of
        twice the pixels that the model looks at a face of 50 of them is, however large the picture:
        for as many looks as there are parts. Arguments and errors are those of `detect`.
        """
        if not self.long_side:
            # The model looks at every pixel.
            return self.detect(picture, min_score, timeout_s)
        return detect_in_parts(
            picture,
            self.long_side,
            self._output.iou,
            lambda part: self.detect(part, min_score, timeout_s),
        )

    def read(
        self,
        results: Mapping[str, Tensor],
        prepared: Prepared,
        picture: Picture,
        min_score: float | None = None,
    ) -> Detections:
        """Reads faces off what the model gave for a picture; `detect` is this and what precedes.

        Args:
            results: The model's outputs, by name.
            prepared: What the model was given.
            picture: What that was made of.
            min_score: As in `detect`.

        Raises:
            InferenceFailedError: The outputs are not what the manifest says, or no boxes and
                scores.
        """
        output = self._output
        least = output.min_score if min_score is None else min_score
        # What overflows is found out below.
        with np.errstate(all="ignore"):
            raw_least = least_raw_score(least, output.calibration)
            found = self._decoder.decode(results, prepared.size, raw_least)
        return self._select(found, prepared, picture, least)

    def _select(
        self, found: Found, prepared: Prepared, picture: Picture, min_score: float
    ) -> Detections:
        """Turns what was found into faces of the full picture."""
        calibration = self._output.calibration
        scores = found.scores if calibration is None else calibrate(found.scores, calibration)
        if not (np.isfinite(found.scores).all() and np.isfinite(found.boxes).all()):
            # Who knows where a face is then: an empty answer would show it.
            raise InferenceFailedError("The face model gave what is no box or no score.")
        # A box whose corners are the wrong way round is of a face all the same: covering it is the
        # safe reading.
        ordered = np.concatenate(
            [
                np.minimum(found.boxes[:, :2], found.boxes[:, 2:]),
                np.maximum(found.boxes[:, :2], found.boxes[:, 2:]),
            ],
            axis=1,
        )
        # Clipped before it is scaled, so that rounding makes no slivers of what lies beyond.
        inside = clip(ordered, *prepared.extent)
        chosen = np.flatnonzero((scores >= min_score) & (inside[:, 2:] > inside[:, :2]).all(axis=1))
        scale = np.array([*prepared.scale, *prepared.scale], np.float32)
        boxes = clip(inside[chosen] / scale, picture.width, picture.height)
        kept = non_maximum_suppression(boxes, scores[chosen], self._output.iou)
        return Detections(boxes[kept], scores[chosen[kept]])
