"""OpenCV's cascade is parsed from the bytes that were digested, and finds drawn faces."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.edge.backends.cascade import CascadeSession
from lintel.edge.errors import InvalidArgumentError, PackageInvalidError
from lintel.edge.packages import CascadeOutput, Package, builtin_packages, load_package


@pytest.fixture(scope="module")
def package() -> Package:
    return load_package(next(path for path in builtin_packages() if path.name == "face-haar"))


@pytest.fixture(scope="module")
def output(package: Package) -> CascadeOutput:
    assert isinstance(package.manifest.output, CascadeOutput)
    return package.manifest.output


@pytest.fixture(scope="module")
def model(package: Package) -> bytes:
    return package.variant_bytes(package.manifest.variants[0])


def test_a_drawn_face_is_found_where_it_is(
    model: bytes, output: CascadeOutput, draw_face: Callable[..., NDArray[np.uint8]]
) -> None:
    grey = cv2.cvtColor(draw_face(320, 240), cv2.COLOR_BGR2GRAY)
    session = CascadeSession(model, output, threads=1)
    results = session.run({"image": grey.reshape(1, 240, 320, 1).view(np.uint8)})
    boxes, agreeing = results["boxes"], results["agreeing"]
    assert boxes.dtype == agreeing.dtype == np.float32
    assert boxes.shape == (len(agreeing), 4)
    x_min, y_min, x_max, y_max = boxes[agreeing.argmax()]
    assert x_min < 160 < x_max
    assert y_min < 120 < y_max
    assert agreeing.min() >= output.min_neighbors


def test_nothing_found_is_no_boxes(model: bytes, output: CascadeOutput) -> None:
    session = CascadeSession(model, output, threads=1)
    results = session.run({"image": np.zeros((1, 50, 60, 1), np.uint8)})
    assert results["boxes"].shape == (0, 4)
    assert results["agreeing"].shape == (0,)


def test_a_picture_smaller_than_a_face_is_searched_in_vain(
    model: bytes, output: CascadeOutput
) -> None:
    session = CascadeSession(model, output, threads=1)
    assert len(session.run({"image": np.zeros((1, 1, 1, 1), np.uint8)})["boxes"]) == 0


def test_colours_are_refused(model: bytes, output: CascadeOutput) -> None:
    session = CascadeSession(model, output, threads=1)
    with pytest.raises(InvalidArgumentError) as caught:
        session.run({"image": np.zeros((1, 50, 60, 3), np.uint8)})
    assert caught.value.field == "inputs.image"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda model: b"",
        lambda model: b"\xff\xfe",
        lambda model: b"not a cascade",
        lambda model: b"<?xml version='1.0'?><opencv_storage></opencv_storage>",
        lambda model: b"<?xml version='1.0'?><opencv_storage><a>1</a></opencv_storage>",
        lambda model: model[:5000],
        lambda model: model.replace(b"BOOST", b"OTHER"),
        # OpenCV crashed on this one.
        lambda model: model.replace(b"<featureType>HAAR", b"<featureType>LBP"),
    ],
    ids=["empty", "no text", "no XML", "no node", "no cascade", "cut", "stages", "features"],
)
def test_what_is_no_cascade_is_refused(
    model: bytes, output: CascadeOutput, spoil: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(PackageInvalidError):
        CascadeSession(spoil(model), output, threads=1)
