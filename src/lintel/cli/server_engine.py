"""Work on pictures by a server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lintel.cli.engines import (
    BlurChoices,
    Blurred,
    Face,
    JudgedFace,
    MaskChoices,
    Measurements,
    PictureRefusedError,
)
from lintel.cli.server_connection import ServerConnection

if TYPE_CHECKING:
    from lintel import client
    from lintel.edge.config import Settings

# Keeps a device of a few cores busy without filling its queue.
CALLS_IN_FLIGHT = 4


class ServerEngine(ServerConnection):
    """Has a server do the work.

    Args:
        address: As of ServerConnection, like the other arguments but the last.
        token: Likewise.
        settings: Of this process; see Engine.
        **certificates: Likewise.

    Raises:
        EngineFailedError: An argument is wrong, or the server is not to be reached.
    """

    workers = CALLS_IN_FLIGHT

    def __init__(
        self,
        address: str,
        token: str | None = None,
        *,
        settings: Settings,
        **certificates: Path | None,
    ) -> None:
        super().__init__(address, token, **certificates)
        self.settings = settings

    def detect(self, data: bytes, min_score: float | None) -> list[Face]:
        """Finds the faces of a picture file, best first."""
        found = self._call(lambda: self._client.detect_faces(data, min_score=min_score))
        return [
            Face(face.box.x_min, face.box.y_min, face.box.x_max, face.box.y_max, face.score)
            for face in found.faces
        ]

    def blur(self, data: bytes, choices: BlurChoices) -> Blurred:
        """Destroys the faces of a picture file."""
        result = self._call(lambda: self._client.blur_faces(data, **asdict(choices)))
        return Blurred(bytes(result.data), len(result.faces))

    def judge_masks(self, data: bytes, choices: MaskChoices) -> list[JudgedFace]:
        """Judges the masks of the faces of a picture file."""
        found = self._call(
            lambda: self._client.classify_masks(
                data,
                boxes=choices.boxes,
                whole_image=choices.whole_picture,
                min_score=choices.min_score,
                min_probability=choices.min_probability,
                model=choices.model or "",
            )
        )
        return [_judged(face) for face in found.faces]

    def statistics(self, data: bytes) -> Measurements:
        """Measures a picture file."""
        return self._call(lambda: self._client.image_statistics(data))

    def _refused(self, error: client.LintelError) -> Exception:
        return PictureRefusedError(error.message)


def _judged(face: client.Face) -> JudgedFace:
    if face.mask is None:
        raise PictureRefusedError("The server did not judge the masks of this picture.")
    return JudgedFace(
        face.box.x_min,
        face.box.y_min,
        face.box.x_max,
        face.box.y_max,
        face.score,
        str(face.mask.state),
        face.mask.worn_probability,
        face.mask.not_worn_probability,
        face.mask.worn_incorrectly_probability,
    )
