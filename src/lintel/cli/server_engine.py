"""Work on pictures by a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from lintel.cli.engines import (
    BlurChoices,
    Blurred,
    EngineFailedError,
    Face,
    JudgedFace,
    MaskChoices,
    Measurements,
    PictureRefusedError,
)
from lintel.cli.names import shown

if TYPE_CHECKING:
    from lintel import client
    from lintel.edge.config import Settings

Result = TypeVar("Result")

# Keeps a device of a few cores busy without filling its queue.
CALLS_IN_FLIGHT = 4
# Errors that every further picture would have too.
_HOPELESS = frozenset({"UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"})
_NO_MODEL = "MODEL_NOT_FOUND"


class ServerEngine:
    """Has a server do the work.

    Args:
        address: "HOST:PORT" or "unix:/path/to/socket".
        token: Bearer token, or None.
        root_certificates: The authority that signed the server's certificate, in PEM; turns TLS
            on. None: plain text.
        client_certificate: What to show to a server that asks for a certificate, in PEM.
        client_key: The certificate's private key, in PEM.
        settings: Of this process; see Engine.

    Raises:
        EngineFailedError: An argument is wrong, or the server is not to be reached.
    """

    workers = CALLS_IN_FLIGHT

    def __init__(
        self,
        address: str,
        token: str | None = None,
        root_certificates: Path | None = None,
        client_certificate: Path | None = None,
        client_key: Path | None = None,
        *,
        settings: Settings,
    ) -> None:
        from lintel.client import Client  # noqa: PLC0415 - takes a tenth of a second

        self.settings = settings
        self._address = address
        try:
            self._client = Client(
                address,
                token=token,
                root_certificates=root_certificates,
                client_certificate=client_certificate,
                client_key=client_key,
            )
        except ValueError as error:
            raise EngineFailedError(_in_words_of_the_command_line(str(error))) from error
        except OSError as error:
            raise EngineFailedError(
                f"{shown(str(error.filename))} cannot be read: {error.strerror}."
            ) from error
        if not self._call(self._client.is_serving):
            self._client.close()
            raise EngineFailedError(f"The server at {address} is not ready for work yet.")

    def __enter__(self) -> Self:
        """Returns the engine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the connection."""
        self._client.close()

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

    def _call(self, method: Callable[[], Result]) -> Result:
        from lintel.client import LintelError  # noqa: PLC0415

        try:
            return method()
        except LintelError as error:
            raise self._explained(error) from error

    def _explained(self, error: client.LintelError) -> Exception:
        if error.code == "UNAVAILABLE":
            return EngineFailedError(
                f"The server at {self._address} does not answer: start one with `lintel serve`,"
                " show it the certificates that it asks for, or leave --server out."
            )
        if error.code in _HOPELESS or error.reason == _NO_MODEL:
            return EngineFailedError(f"The server at {self._address} refuses: {error.message}")
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


def _in_words_of_the_command_line(message: str) -> str:
    """Rewrites what the client says of its arguments as what the options are called."""
    words = (
        ("give root_certificates, or write insecure=True", "give --root-certificates."),
        ("root_certificates", "--root-certificates"),
        ("client_certificate", "--client-certificate"),
        ("client_key", "--client-key"),
        ("address", "--server"),
    )
    for argument, option in words:
        message = message.replace(argument, option)
    return message
