"""From a frame and its covers to a picture that is safe to show."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np

from lintel.edge.errors import LintelError
from lintel.edge.images import Picture
from lintel.edge.pipeline.looking import Shot
from lintel.edge.pipeline.results import (
    BlurredPicture,
    FrameResult,
    FrameTimes,
    Pixels,
    Reason,
    Stage,
)
from lintel.edge.tasks.blur import BlurOptions, blur_regions, blur_whole

logger = logging.getLogger("lintel.pipeline")


@dataclass(frozen=True, slots=True)
class Shower:
    """Blurs the frames of one camera.

    Attributes:
        camera: Its name.
        cover: How faces are destroyed.
        quality: Of JPEG pictures.
    """

    camera: str
    cover: BlurOptions
    quality: int

    def show(self, shot: Shot, *, encode: bool) -> FrameResult | None:
        """Blurs a frame.

        Args:
            shot: The frame; its pixels are given away.
            encode: Whether somebody waits for the JPEG picture.

        Returns:
            None where not even covering all of it was possible: nothing is to be shown then.
        """
        try:
            with shot.measure(Stage.BLUR):
                pixels = self._blur(shot)
            picture = BlurredPicture(pixels, self.quality)
            if encode:
                with shot.measure(Stage.ENCODE):
                    picture.jpeg()
        except LintelError as error:
            logger.warning("a frame of %s is not shown: %s", self.camera, error.message)
            return None
        except Exception:
            logger.exception("a frame of %s failed unexpectedly and is not shown", self.camera)
            return None
        frame = shot.frame
        return FrameResult(
            camera=self.camera,
            sequence_number=frame.sequence,
            captured_us=frame.captured_us,
            captured_ns=frame.captured_ns,
            width=frame.pixels.width,
            height=frame.pixels.height,
            faces=() if shot.covered_whole else shot.faces,
            picture=picture,
            covered_whole=shot.covered_whole,
            times=FrameTimes(shot.stages_ns, time.monotonic_ns() - frame.captured_ns),
        )

    def _blur(self, shot: Shot) -> Pixels:
        """Destroys the faces of a frame, or all of it; returns its pixels."""
        pixels = _eight_bit(shot.full())
        if shot.covered_whole is None:
            try:
                blur_regions(pixels, np.array(shot.covers, np.float32), self.cover)
                return pixels
            except Exception:
                logger.exception("blurring faces failed; the whole frame is covered")
                shot.covered_whole = Reason.BLUR_FAILED
        blur_whole(pixels, self.cover.method)
        return pixels


def _eight_bit(picture: Picture) -> Pixels:
    return picture.pixels.view(np.uint8)
