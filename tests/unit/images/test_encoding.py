"""From pixels to files that say nothing but the pixels."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.images import ImageFormat, decode, encode

Save = Callable[..., bytes]


@pytest.mark.parametrize("format_", ImageFormat)
def test_what_is_encoded_decodes_to_the_same(
    photo: NDArray[np.uint8], format_: ImageFormat
) -> None:
    for pixels in (photo, photo[..., 1], photo[::-1, ::-1]):
        again = decode(encode(pixels, format_, 95))
        assert again.format is format_
        result = again.pixels
        if format_ is ImageFormat.WEBP and pixels.ndim == 2:
            result = result[..., 1]
        assert result.shape == pixels.shape
        tolerance = 0 if format_ is ImageFormat.PNG else 5
        assert np.abs(result.astype(int) - pixels).mean() <= tolerance


def test_quality_buys_bytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for format_ in (ImageFormat.JPEG, ImageFormat.WEBP):
        sizes = [len(encode(noise, format_, quality)) for quality in (1, 50, 85, 100)]
        assert sizes == sorted(sizes)
        assert len(encode(noise, format_)) == sizes[2]


def test_jpeg_is_420_and_grey_stays_grey(photo: NDArray[np.uint8]) -> None:
    with Image.open(io.BytesIO(encode(photo, ImageFormat.JPEG))) as image:
        assert image.mode == "RGB"
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]
    for format_ in (ImageFormat.JPEG, ImageFormat.PNG):
        with Image.open(io.BytesIO(encode(photo[..., 0], format_))) as image:
            assert image.mode == "L"


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("target", ImageFormat)
def test_no_metadata_survives(
    photo: NDArray[np.uint8],
    save: Save,
    oriented: Callable[[int], Image.Exif],
    source: str,
    target: ImageFormat,
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>a secret</x:xmpmeta>"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "a secret")
    options = {"PNG": {"pnginfo": texts}, "JPEG": {"comment": b"a secret", "xmp": xmp}}
    rich = save(
        photo,
        source,
        exif=oriented(6),
        icc_profile=profile,
        **options.get(source, {"xmp": xmp}),
    )
    assert b"A maker of cameras" in rich
    assert b"a secret" in rich
    plain = encode(np.asarray(decode(rich).pixels, np.uint8), target)
    with Image.open(io.BytesIO(plain)) as image:
        image.load()
        assert not image.getexif()
        allowed = {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        allowed |= {"loop", "background", "timestamp", "duration"}
        assert set(image.info) <= allowed
        assert not getattr(image, "text", {})
    for trace in (b"secret", b"maker", b"Exif", b"eXIf", b"EXIF", b"ICC", b"iCCP", b"xmp", b"XMP"):
        assert trace not in plain


@pytest.mark.parametrize("quality", [-1, 0, 101])
def test_quality_is_1_to_100(photo: NDArray[np.uint8], quality: int) -> None:
    for format_ in ImageFormat:
        with pytest.raises(InvalidArgumentError, match="1 to 100") as caught:
            encode(photo, format_, quality)
        assert caught.value.field == "quality"


def test_sides_are_those_that_the_format_holds() -> None:
    encode(np.zeros((1, 16_383), np.uint8), ImageFormat.WEBP)
    encode(np.zeros((65_500, 1), np.uint8), ImageFormat.JPEG)
    for side, format_ in [(16_384, ImageFormat.WEBP), (65_501, ImageFormat.JPEG)]:
        for shape in [(1, side), (side, 1)]:
            with pytest.raises(InvalidArgumentError, match=str(side - 1)):
                encode(np.zeros(shape, np.uint8), format_)


def test_other_samples_are_a_mistake_of_the_caller() -> None:
    for pixels in (np.zeros((2, 2), np.uint16), np.zeros((2, 2, 4), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            encode(pixels, ImageFormat.PNG)
