"""One mask model as an object with `predict`, wherever it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Literal, Protocol, Self, TypeGuard, Unpack, cast, overload

from lintel.client.client import Client
from lintel.client.errors import InternalError, LintelError
from lintel.client.masks import MaskOptions
from lintel.client.pictures import Frame, Picture
from lintel.client.results import FaceDetections, MaskVerdict


class _Device(Protocol):
    """What both Client and InProcessDevice do."""

    def classify_masks(self, picture: Picture, **options: Unpack[MaskOptions]) -> FaceDetections:
        """Judges the faces of a picture."""

    def classify_masks_each(
        self, pictures: Iterable[Picture], **options: Unpack[MaskOptions]
    ) -> Iterator[FaceDetections | LintelError]:
        """Judges the faces of every picture."""

    def close(self) -> None:
        """Gives back what is held."""


class FaceMaskClassifier:
    """Tells of pictures of faces whether they wear a mask: on a device, or in this process.

    Any thread may use it; close it, or use it in `with`.

    Args:
        model: Name of a mask model; "": the one that the device is set to.
        server: Address of a device, or a Client, which stays open. None: the work is done in this
            process, as the settings say that `lintel` would use here; this needs the device's
            distribution, `lintel`, beside the client's.
        min_probability: States less probable than this are UNSURE, 0 to 1; None: as the device is
            set.

    Raises:
        ModuleNotFoundError: `server` is None, and the device's distribution is not installed.
        LintelError: `server` is None, and the settings are wrong or the models can't be had.
        ValueError: `server` is no address.
    """

    def __init__(
        self,
        model: str = "",
        *,
        server: str | Client | None = None,
        min_probability: float | None = None,
    ) -> None:
        self._options = MaskOptions(model=model, min_probability=min_probability)
        self._device: _Device
        self._is_own = not isinstance(server, Client)
        if isinstance(server, Client):
            self._device = server
        elif server is not None:
            self._device = Client(server)
        else:
            self._device = _open_in_process()

    def close(self) -> None:
        """Closes the models, or the connection unless it came from outside."""
        if self._is_own:
            self._device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # A path is also an iterable, of its letters: the first that fits is meant.
    @overload
    def predict(  # type: ignore[overload-overlap]
        self, images: Picture, *, find_faces: Literal[False] = False
    ) -> MaskVerdict: ...
    @overload
    def predict(  # type: ignore[overload-overlap]
        self, images: Picture, *, find_faces: Literal[True]
    ) -> FaceDetections: ...
    @overload
    def predict(
        self, images: Iterable[Picture], *, find_faces: Literal[False] = False
    ) -> list[MaskVerdict | LintelError]: ...
    @overload
    def predict(
        self, images: Iterable[Picture], *, find_faces: Literal[True]
    ) -> list[FaceDetections | LintelError]: ...
    def predict(
        self, images: Picture | Iterable[Picture], *, find_faces: bool = False
    ) -> (
        MaskVerdict
        | FaceDetections
        | list[MaskVerdict | LintelError]
        | list[FaceDetections | LintelError]
    ):
        """Judges one picture or many.

        Args:
            images: A crop of a face, or many: in an array, (N, H, W, 3), or anything to iterate
                over.
            find_faces: The pictures are whole scenes, in which faces are looked for.

        Returns:
            Of one picture its verdict; of a scene its faces, best first, each with its `mask`.
            Of many pictures a list of these in their order, with a LintelError in the place of
            one that can't be served.

        Raises:
            LintelError: The only picture can't be served, or none can.
            TypeError, ValueError, OSError: As Client.classify_masks.
        """
        options = MaskOptions(**self._options, whole_image=not find_faces)
        if _is_one(images):
            found = self._device.classify_masks(images, **options)
            return found if find_faces else _verdict(found)
        many = cast("Iterable[Picture]", images)
        results = self._device.classify_masks_each(many, **options)
        if find_faces:
            return list(results)
        return [
            result if isinstance(result, LintelError) else _verdict(result) for result in results
        ]


def _open_in_process() -> _Device:
    try:
        from lintel.client.in_process import InProcessDevice  # noqa: PLC0415 - see there
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("lintel.edge"):
            raise
        raise ModuleNotFoundError(
            "Work in this process needs the device's distribution, lintel, which is not installed:"
            ' install it, or name a device, such as server="127.0.0.1:50051".',
            name=error.name,
        ) from error
    return InProcessDevice()


def _is_one(images: Picture | Iterable[Picture]) -> TypeGuard[Picture]:
    if isinstance(images, str | os.PathLike | bytes | bytearray | memoryview | Frame):
        return True
    # Whoever has an array has NumPy imported; this module need not.
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(images, numpy.ndarray) and images.ndim < 4


def _verdict(found: FaceDetections) -> MaskVerdict:
    (mask,) = [face.mask for face in found.faces] or [None]
    if mask is None:
        raise InternalError("The device did not judge the picture.")
    return mask
