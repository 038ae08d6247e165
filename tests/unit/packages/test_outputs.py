"""What [output] may say of each family, and what else in the manifest it goes with."""

from __future__ import annotations

from typing import Any

import pytest

from lintel.edge.errors import PackageInvalidError
from lintel.edge.packages import (
    BlazefaceOutput,
    CenterfaceOutput,
    FaceOutput,
    Manifest,
    ScrfdOutput,
    UltrafaceOutput,
    YoloV5FaceOutput,
    YoloV8Output,
    YunetOutput,
    parse_manifest,
)

NAMES = 'scores = ["c8", "c16", "c32"]\nboxes = ["b8", "b16", "b32"]'
MAPS = 'heatmap = "a"\nscale = "b"\noffset = "c"'
# The least that each family needs, by the name of its decoder.
LEAST: dict[str, tuple[type[FaceOutput], str]] = {
    "yunet": (YunetOutput, NAMES),
    "scrfd": (ScrfdOutput, NAMES),
    "yolov5-face": (YoloV5FaceOutput, 'predictions = "output"'),
    "yolov8": (YoloV8Output, 'predictions = "output0"'),
    "ultraface": (UltrafaceOutput, ""),
    "centerface": (CenterfaceOutput, MAPS),
    "blazeface": (BlazefaceOutput, ""),
}


def manifest(
    decoder: str,
    keys: str | None = None,
    *,
    input_keys: str = 'size = [320, 320]\nresize = "letterbox"',
    variant_keys: str = "",
) -> Manifest:
    keys = LEAST[decoder][1] if keys is None else keys
    text = (
        'name = "test"\nversion = "1.0.0"\ntask = "detect-faces"\nlicence = "CC0-1.0"\n'
        f'[input]\ncolour = "bgr"\n{input_keys}\n[output]\ndecoder = "{decoder}"\n{keys}\n'
        f'[[variant]]\nname = "a"\nbackend = "onnx"\nfile = "a"\nsha256 = "{"0" * 64}"\n'
        f'[[variant]]\nname = "b"\nbackend = "litert"\nfile = "b"\nsha256 = "{"0" * 64}"\n'
        f"{variant_keys}\n"
    )
    return parse_manifest(text.encode())


def refusal(*args: Any, **keys: Any) -> PackageInvalidError:
    with pytest.raises(PackageInvalidError) as caught:
        manifest(*args, **keys)
    return caught.value


@pytest.mark.parametrize("decoder", LEAST)
def test_the_least_of_each_family_is_enough(decoder: str) -> None:
    output = manifest(decoder).output
    assert isinstance(output, LEAST[decoder][0])
    assert (output.min_score, output.iou, output.calibration) == (0.5, 0.4, None)


@pytest.mark.parametrize("decoder", LEAST)
@pytest.mark.parametrize("backend", ["onnx", "litert"])
def test_a_family_is_no_cascade(decoder: str, backend: str) -> None:
    error = refusal(decoder, variant_keys=_third("opencv-cascade"))
    assert error.field == "variant[2].backend"
    assert len(manifest(decoder, variant_keys=_third(backend)).variants) == 3


def _third(backend: str) -> str:
    return f'[[variant]]\nname = "c"\nbackend = "{backend}"\nfile = "c"\nsha256 = "{"0" * 64}"'


@pytest.mark.parametrize(
    ("decoder", "keys", "field"),
    [
        ("yunet", "", "output.scores"),
        ("yunet", 'scores = ["a"]', "output.boxes"),
        ("yunet", 'scores = "a"\nboxes = ["b"]', "output.scores"),
        ("yunet", 'scores = []\nboxes = ["b"]', "output.scores"),
        ("yunet", 'scores = [""]\nboxes = ["b"]', "output.scores[0]"),
        ("yunet", 'scores = ["a", "b"]\nboxes = ["b"]', "output.scores"),
        ("yunet", 'scores = ["a"]\nboxes = ["b", "c"]', "output.boxes"),
        ("yunet", f'{NAMES}\nobjectness = ["a", "b"]', "output.objectness"),
        ("yunet", f"{NAMES}\nstrides = [8, 16]", "output.scores"),
        ("yunet", f"{NAMES}\nstrides = [0, 16, 32]", "output.strides[0]"),
        ("yunet", f'{NAMES}\nactivation = "softmax"', "output.activation"),
        ("yunet", f"{NAMES}\nanchors_per_cell = 2", "output.anchors_per_cell"),
        ("scrfd", 'scores = ["a", "b"]\nboxes = ["b"]', "output.scores"),
        ("scrfd", 'scores = ["a"]\nboxes = ["b", "c"]', "output.boxes"),
        ("scrfd", f"{NAMES}\nanchors_per_cell = 0", "output.anchors_per_cell"),
        ("scrfd", f'{NAMES}\nobjectness = ["a"]', "output.objectness"),
        ("yolov5-face", "", "output.predictions"),
        ("yolov5-face", 'predictions = "a"\nlandmarks = -1', "output.landmarks"),
        ("yolov5-face", 'predictions = "a"\nlabel = "head"', "output.label"),
        ("yolov8", 'predictions = "a"\nlabels = ["person", "dog"]', "output.label"),
        ("yolov8", 'predictions = "a"\nlabels = []', "output.label"),
        ("yolov8", 'predictions = "a"\nboxes_in = "metres"', "output.boxes_in"),
        ("ultraface", "scores = 1", "output.scores"),
        ("ultraface", "strides = [8]", "output.strides"),
        ("centerface", 'heatmap = "a"\nscale = "b"', "output.offset"),
        ("centerface", f"{MAPS}\nstride = 2000", "output.stride"),
        ("blazeface", "strides = [8]", "output.anchors_per_cell"),
        ("blazeface", "anchors_per_cell = [2, 0]", "output.anchors_per_cell[1]"),
        ("blazeface", "calibration = { slope = 1.0 }", "output.calibration.intercept"),
        ("blazeface", "min_score = 2.0", "output.min_score"),
    ],
)
def test_a_wrong_key_is_named(decoder: str, keys: str, field: str) -> None:
    assert refusal(decoder, keys).field == field


def test_an_unknown_decoder_is_answered_with_all_that_are_known() -> None:
    message = refusal("yolo", "").message
    assert all(f'"{decoder}"' in message for decoder in [*LEAST, "cascade", "none"])


@pytest.mark.parametrize(
    ("decoder", "keys", "size", "fits"),
    [
        ("yunet", None, [320, 240], False),
        ("yunet", None, [320, 256], True),
        ("yunet", f"{NAMES}\nstrides = [8, 16, 24]", [320, 240], False),
        ("yunet", f"{NAMES}\nstrides = [8, 16, 24]", [240, 240], True),
        ("scrfd", None, [600, 640], False),
        ("centerface", None, [322, 320], False),
        ("centerface", None, [324, 320], True),
        ("blazeface", None, [128, 120], False),
        ("ultraface", None, [321, 243], True),
        ("yolov8", None, [321, 243], True),
    ],
)
def test_grids_must_fit_the_input(
    decoder: str, keys: str | None, size: list[int], fits: bool
) -> None:
    input_keys = f'size = {size}\nresize = "stretch"'
    if fits:
        assert manifest(decoder, keys, input_keys=input_keys)
    else:
        assert refusal(decoder, keys, input_keys=input_keys).field == "input.size"


def test_grids_must_fit_what_the_long_side_is_filled_up_to() -> None:
    whole = 'long_side = 640\nresize = "long-side"\nmultiple_of = '
    assert manifest("yunet", input_keys=f"{whole}32")
    assert refusal("yunet", input_keys=f"{whole}16").field == "input.multiple_of"
    assert manifest("centerface", input_keys=f"{whole}4")


def test_only_a_long_side_is_filled_up() -> None:
    error = refusal("yunet", input_keys='size = [320, 320]\nresize = "letterbox"\nmultiple_of = 32')
    assert error.field == "input.multiple_of"


def test_a_variant_may_have_a_size_of_its_own() -> None:
    found = manifest("yunet", variant_keys="input_size = [640, 480]")
    sizes = [found.input_for(variant) for variant in found.variants]
    assert [each.size for each in sizes if each is not None] == [(320, 320), (640, 480)]
    assert found.input is not None
    assert found.input.size == (320, 320)


@pytest.mark.parametrize(
    ("input_keys", "size"),
    [
        ('size = [320, 320]\nresize = "letterbox"', "[640, 500]"),
        ('size = [320, 320]\nresize = "letterbox"', "[640, 0]"),
        ('size = [320, 320]\nresize = "letterbox"', "[640]"),
        ('long_side = 320\nresize = "long-side"\nmultiple_of = 32', "[640, 640]"),
    ],
)
def test_a_size_of_its_own_that_is_wrong_is_named(input_keys: str, size: str) -> None:
    error = refusal("yunet", input_keys=input_keys, variant_keys=f"input_size = {size}")
    assert error.field.startswith("variant[1].input_size")
