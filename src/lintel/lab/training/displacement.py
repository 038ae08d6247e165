"""Masks put on bare faces, too low or well: there are few pictures of masks worn wrongly.

The lower part of a face with a mask is laid over a bare face. Laid where it was, it gives a face
that wears its mask; laid lower, one whose nose or mouth is bare. Both are made, so that the seam
does not tell the one from the other. A cut-and-paste of one region in the manner of CutMix (S. Yun
et al., CutMix, 2019), with a label by where it is put.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

LABEL_WORN, LABEL_INCORRECT = 0, 2
"""Places in MASK_LABELS."""
INCORRECT_SHARE = 0.7
DROP = (0.14, 0.34)
"""Shares of the face's side by which a mask hangs too low: nose bare, to mouth bare."""


class MadeFace(NamedTuple):
    """A bare face with a mask on it.

    Attributes:
        pixels: As the crop of the bare face.
        label: Its place in MASK_LABELS.
    """

    pixels: Pixels
    label: int


def put_mask(
    bare: Pixels, masked: Pixels, face_share: float, random: np.random.Generator
) -> MadeFace:
    """Lays the mask of one crop over the bare face of another.

    Args:
        bare: (S, S, 3), a face without a mask, its box about the middle.
        masked: (S, S, 3), a face with one.
        face_share: Share of S that the longer side of a face's box has.
        random: Where chance comes from.
    """
    side = bare.shape[0]
    face = face_share * side
    incorrect = random.random() < INCORRECT_SHARE
    drop = random.uniform(*DROP) if incorrect else random.uniform(-0.03, 0.03)
    stencil = _stencil(side, face, random)
    narrower = random.uniform(0.85, 1.0)
    middle = (side - 1) / 2
    affine = np.array(
        [[narrower, 0, middle * (1 - narrower)], [0, 1, drop * face]], dtype=np.float64
    )
    moved = cv2.warpAffine(
        masked, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    weight = cv2.warpAffine(stencil, affine, (side, side))[..., None]
    light = _mean_light(bare, weight) / max(_mean_light(moved, weight), 1.0)
    # Half way to the light of the other picture: a white mask stays white.
    moved *= np.clip(light, 0.5, 2.0) ** 0.5
    mixed = bare * (1 - weight) + moved * weight
    return MadeFace(
        np.clip(mixed, 0, 255).astype(np.uint8), LABEL_INCORRECT if incorrect else LABEL_WORN
    )


def _stencil(side: int, face: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Draws where a mask is on a face in the middle: float32 (side, side), 0 to 1, soft edges."""
    top = random.uniform(-0.02, 0.05)
    reach = random.uniform(0.3, 0.36)
    outline = [(-reach, top + 0.08), (-0.1, top), (0.1, top), (reach, top + 0.08)]
    outline += [(reach - 0.04, 0.3), (0.14, 0.47), (-0.14, 0.47), (-reach + 0.04, 0.3)]
    points = (np.array(outline) + random.normal(0, 0.012, (8, 2))) * face + side / 2
    drawn = np.zeros((side, side), np.float32)
    cv2.fillPoly(drawn, [np.rint(points * 16).astype(np.int32)], 1.0, cv2.LINE_8, shift=4)
    return cv2.GaussianBlur(drawn, (0, 0), max(face / 60, 0.6)).astype(np.float32)


def _mean_light(pixels: NDArray[Any], weight: NDArray[Any]) -> float:
    total = float(weight.sum()) * 3
    return float((pixels * weight).sum()) / max(total, 1e-6)
