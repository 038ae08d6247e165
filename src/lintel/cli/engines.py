"""Where pictures are worked on: in this process, or by a server. Both give the same results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, Self, TypeVar

from lintel.cli.names import shown

if TYPE_CHECKING:
    from lintel.client import errors as client_errors
    from lintel.edge.config import Settings

Result = TypeVar("Result")

# Keeps a device of a few cores busy without filling its queue.
CALLS_IN_FLIGHT = 4
# Errors that every further picture would have too.
_HOPELESS = frozenset({"UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"})

MethodName = Literal["fill", "pixelate", "gaussian"]
ShapeName = Literal["box", "ellipse"]
FormatName = Literal["jpeg", "png", "webp"]


class Face(NamedTuple):
    """A face found: its box in pixels of the picture, and how sure the detector is, 0 to 1."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float
    score: float


class Blurred(NamedTuple):
    """A picture that is safe to show.

    Attributes:
        data: The bytes of its file.
        faces: How many were destroyed; 0 where the whole picture was covered.
    """

    data: bytes
    faces: int


@dataclass(frozen=True, slots=True)
class BlurChoices:
    """How to blur, and to write the result; None: as the device is set.

    Attributes:
        min_score: Faces scored below are left as they are, 0 to 1.
        method: What takes the place of a face.
        shape: The outline of what is covered.
        margin: Reach beyond the box on every side, as a share of its size, 0 to 2.
        whole_frame: Cover the whole picture, without looking for faces.
        output_format: The format; None: as the picture came.
        quality: Of JPEG and WebP, 1 to 100.
    """

    min_score: float | None = None
    method: MethodName | None = None
    shape: ShapeName | None = None
    margin: float | None = None
    whole_frame: bool = False
    output_format: FormatName | None = None
    quality: int = 85


class Channel(Protocol):
    """The distribution of one channel; `lintel.edge.tasks.statistics` says what it means."""

    @property
    def mean(self) -> float: ...  # noqa: D102
    @property
    def standard_deviation(self) -> float: ...  # noqa: D102
    @property
    def minimum(self) -> float: ...  # noqa: D102
    @property
    def maximum(self) -> float: ...  # noqa: D102
    @property
    def histogram(self) -> Iterable[int]: ...  # noqa: D102
    @property
    def clipped_low_share(self) -> float: ...  # noqa: D102
    @property
    def clipped_high_share(self) -> float: ...  # noqa: D102


class Measurements(Protocol):
    """The measurements of a picture; `lintel.edge.tasks.statistics` says what they mean."""

    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def pixel_count(self) -> int: ...  # noqa: D102
    @property
    def bit_depth(self) -> int: ...  # noqa: D102
    @property
    def grey(self) -> Channel: ...  # noqa: D102
    @property
    def channels(self) -> Sequence[Channel]: ...  # noqa: D102
    @property
    def sharpness(self) -> float: ...  # noqa: D102


class EngineFailedError(Exception):
    """No picture can be served; the message is a sentence for people."""


class PictureRefusedError(Exception):
    """The server could not serve a picture; the message is its sentence."""


class Engine(AbstractContextManager["Engine"], Protocol):
    """Works on pictures; its methods may be called from many threads.

    They raise LintelError or PictureRefusedError where a picture cannot be served, and
    EngineFailedError where none can.

    Attributes:
        workers: Pictures that it works on at a time.
    """

    workers: int

    def detect(self, data: bytes, min_score: float | None) -> list[Face]:
        """Finds the faces of a picture file, best first."""

    def blur(self, data: bytes, choices: BlurChoices) -> Blurred:
        """Destroys the faces of a picture file."""

    def statistics(self, data: bytes) -> Measurements:
        """Measures a picture file."""


class LocalEngine:
    """Works in this process, as the settings say.

    Args:
        settings: The device's settings.

    Raises:
        LintelError: The models cannot be had.
    """

    def __init__(self, settings: Settings) -> None:
        from lintel.edge.runtime import Runtime  # noqa: PLC0415 - takes a quarter of a second
        from lintel.edge.workbench import Workbench  # noqa: PLC0415

        self.workers = settings.server.workers or len(os.sched_getaffinity(0))
        self._runtime = Runtime(settings, self.workers)
        self._workbench = Workbench(self._runtime, settings)

    def __enter__(self) -> Self:
        """Returns the engine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the models."""
        self._runtime.close()

    def detect(self, data: bytes, min_score: float | None) -> list[Face]:
        """Finds the faces of a picture file, best first."""
        from lintel.edge.workbench import DetectionOptions, EncodedImage  # noqa: PLC0415

        result = self._workbench.detect(EncodedImage(data), DetectionOptions(min_score))
        if result.detections is None:
            return []
        boxes, scores = result.detections.boxes.tolist(), result.detections.scores.tolist()
        return [Face._make((*box, score)) for box, score in zip(boxes, scores, strict=True)]

    def blur(self, data: bytes, choices: BlurChoices) -> Blurred:
        """Destroys the faces of a picture file."""
        from lintel.edge.images import ImageFormat  # noqa: PLC0415
        from lintel.edge.tasks.blur import BlurMethod, BlurShape  # noqa: PLC0415
        from lintel.edge.workbench import (  # noqa: PLC0415
            CoverOptions,
            DetectionOptions,
            EncodedImage,
            OutputOptions,
        )

        result = self._workbench.blur(
            EncodedImage(data),
            DetectionOptions(choices.min_score),
            CoverOptions(
                method=BlurMethod(choices.method) if choices.method else None,
                shape=BlurShape(choices.shape) if choices.shape else None,
                margin=choices.margin,
                whole_frame=choices.whole_frame,
            ),
            OutputOptions(
                format=ImageFormat(choices.output_format) if choices.output_format else None,
                quality=choices.quality,
            ),
        )
        if result.blurred is None:
            raise EngineFailedError("The picture was not blurred.")
        faces = len(result.detections.boxes) if result.detections is not None else 0
        return Blurred(result.blurred.image.data, faces)

    def statistics(self, data: bytes) -> Measurements:
        """Measures a picture file."""
        from lintel.edge.workbench import EncodedImage  # noqa: PLC0415

        result = self._workbench.statistics(EncodedImage(data))
        if result.statistics is None:
            raise EngineFailedError("The picture was not measured.")
        return result.statistics


class ServerEngine:
    """Has a server do the work.

    Args:
        address: "HOST:PORT" or "unix:/path/to/socket".
        token: Bearer token, or None.
        root_certificates: The authority that signed the server's certificate, in PEM; turns TLS
            on. None: plain text.
        client_certificate: What to show to a server that asks for a certificate, in PEM.
        client_key: The certificate's private key, in PEM.

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
    ) -> None:
        from lintel.client import Client  # noqa: PLC0415 - takes a tenth of a second

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

    def statistics(self, data: bytes) -> Measurements:
        """Measures a picture file."""
        return self._call(lambda: self._client.image_statistics(data))

    def _call(self, method: Callable[[], Result]) -> Result:
        from lintel.client import LintelError  # noqa: PLC0415

        try:
            return method()
        except LintelError as error:
            raise self._explained(error) from error

    def _explained(self, error: client_errors.LintelError) -> Exception:
        if error.code == "UNAVAILABLE":
            return EngineFailedError(
                f"The server at {self._address} does not answer: start one with `lintel serve`,"
                " show it the certificates that it asks for, or leave --server out."
            )
        if error.code in _HOPELESS:
            return EngineFailedError(f"The server at {self._address} refuses: {error.message}")
        return PictureRefusedError(error.message)


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
