"""A manifest is valid, or refused with the path of the key at fault."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import msgspec
import pytest

from lintel.edge.errors import PackageInvalidError
from lintel.edge.packages import (
    MAXIMUM_MANIFEST_BYTES,
    CascadeOutput,
    builtin_packages,
    load_package,
    parse_manifest,
)

VALID = """
name = "face-test"
version = "1.2.3-rc.1+build.5"
task = "detect-faces"
licence = "Apache-2.0"

[input]
long_side = 320
colour = "grey"
dtype = "uint8"
resize = "long-side"

[output]
decoder = "cascade"
labels = ["face"]
min_score = 0.4
calibration = { slope = 1.5, intercept = -2 }

[[variant]]
name = "one"
backend = "opencv-cascade"
file = "one.xml"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"

[[variant]]
name = "two"
backend = "opencv-cascade"
file = "opencv:two.xml"
sha256 = "1111111111111111111111111111111111111111111111111111111111111111"
metrics = { "ap@0.4" = 0.9 }
"""


def changed(path: str, value: Any) -> bytes:
    """Returns the valid manifest with one key set to another value, or removed with None."""
    tree = copy.deepcopy(tomllib.loads(VALID))
    *steps, key = path.split(".")
    table: Any = tree
    for step in steps:
        table = table[int(step)] if isinstance(table, list) else table[step]
    if value is None:
        del table[key]
    else:
        table[key] = value
    return _write(tree)


def _write(tree: dict[str, Any]) -> bytes:
    """Writes a tree as TOML, with inline tables below the top level."""
    return "\n".join(f"{key} = {_value(value)}" for key, value in tree.items()).encode()


def _value(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{msgspec.json.encode(key).decode()} = {_value(v)}" for key, v in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return repr(value) if isinstance(value, float) else msgspec.json.encode(value).decode()


def refusal(data: bytes) -> PackageInvalidError:
    with pytest.raises(PackageInvalidError) as caught:
        parse_manifest(data)
    return caught.value


def test_a_valid_manifest_is_read_with_its_defaults() -> None:
    manifest = parse_manifest(VALID.encode())
    assert (manifest.name, manifest.version, manifest.task) == (
        "face-test",
        "1.2.3-rc.1+build.5",
        "detect-faces",
    )
    assert manifest.input is not None
    assert (manifest.input.layout, manifest.input.mean, manifest.input.scale) == (
        "NHWC",
        (0.0,),
        (1.0,),
    )
    assert isinstance(manifest.output, CascadeOutput)
    assert (manifest.output.min_score, manifest.output.iou) == (0.4, 0.4)
    assert [variant.name for variant in manifest.variants] == ["one", "two"]
    assert manifest.variants[1].metrics == {"ap@0.4": 0.9}


def test_a_tensor_model_needs_no_input_and_no_output() -> None:
    text = VALID.replace("detect-faces", "tensor").replace("opencv-cascade", "onnx")
    head, _, rest = text.partition("[input]")
    manifest = parse_manifest((head + rest[rest.index("[[variant]]") :]).encode())
    assert manifest.input is None
    assert manifest.output is None


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("name", None, "name"),
        ("name", "", "name"),
        ("name", "../etc", "name"),
        ("name", "a" * 65, "name"),
        ("version", "1.2", "version"),
        ("version", "1.2.03", "version"),
        ("task", "make-coffee", "task"),
        ("licence", "", "licence"),
        ("description", 5, "description"),
        ("input", None, "input"),
        ("input.colour", "bgr", "input.colour"),
        ("input.colour", "purple", "input.colour"),
        ("input.dtype", "float32", "input.dtype"),
        ("input.layout", "HWCN", "input.layout"),
        ("input.size", [320, 320], "input.size"),
        ("input.resize", "stretch", "input.size"),
        ("input.long_side", None, "input.long_side"),
        ("input.long_side", 0, "input.long_side"),
        ("input.long_side", 8193, "input.long_side"),
        ("input.mean", [1.0, 2.0], "input.mean"),
        ("input.mean", [float("nan")], "input.mean[0]"),
        ("input.scale", [], "input.scale"),
        ("input.scale", [1e7], "input.scale[0]"),
        ("output", None, "output.decoder"),
        ("output.decoder", None, "output.decoder"),
        ("output.decoder", "magic", "output.decoder"),
        ("output.decoder", ["cascade"], "output.decoder"),
        ("output.min_score", 1.5, "output.min_score"),
        ("output.min_score", float("nan"), "output.min_score"),
        ("output.iou", -0.1, "output.iou"),
        ("output.scale_factor", 1.0, "output.scale_factor"),
        ("output.min_neighbors", 0, "output.min_neighbors"),
        ("output.calibration", None, "output.calibration"),
        ("output.calibration.slope", float("inf"), "output.calibration.slope"),
        ("output.calibration.intercept", "low", "output.calibration.intercept"),
        ("output.labels", [""], "output.labels[0]"),
        ("variant", [], "variant"),
        ("variant", None, "variant"),
        ("variant.1.name", "one", "variant[1].name"),
        ("variant.0.name", "auto", "variant[0].name"),
        ("variant.1.backend", "tensorrt", "variant[1].backend"),
        ("variant.1.backend", "onnx", "variant[1].backend"),
        ("variant.1.sha256", "1" * 63, "variant[1].sha256"),
        ("variant.1.sha256", "A" * 64, "variant[1].sha256"),
        ("variant.1.sha256", None, "variant[1].sha256"),
        ("variant.0.file", "", "variant[0].file"),
        ("variant.0.file", "x" * 256, "variant[0].file"),
        ("variant.0.precision", "float8", "variant[0].precision"),
    ],
)
def test_a_wrong_key_is_named(path: str, value: Any, field: str) -> None:
    assert refusal(changed(path, value)).field == field


@pytest.mark.parametrize(
    ("path", "field", "hint"),
    [
        ("nam", "nam", "name"),
        ("input.color", "input.color", "input.colour"),
        ("output.min_scor", "output.min_scor", "output.min_score"),
        ("output.calibration.slop", "output.calibration.slop", "output.calibration.slope"),
        ("variant.1.sha265", "variant[1].sha265", "variant[1].sha256"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(path: str, field: str, hint: str) -> None:
    error = refusal(changed(path, 1))
    assert error.field == field
    assert error.message == f"There is no key {field}. Did you mean {hint}?"


def test_keys_of_another_decoder_are_unknown() -> None:
    data = changed("output", {"decoder": "none", "labels": ["a"], "iou": 0.4})
    assert refusal(data).field == "output.iou"


def test_a_word_that_is_not_among_the_choices_is_answered_with_them() -> None:
    error = refusal(changed("input.colour", "purple"))
    assert error.message.endswith('it must be one of "bgr", "rgb", "grey".')


def test_a_message_has_the_limit_and_not_what_was_sent() -> None:
    error = refusal(changed("input.long_side", 8193))
    assert "<= 8192" in error.message
    assert "purple" not in refusal(changed("input.colour", "purple")).message


def test_a_long_unknown_key_is_shortened() -> None:
    error = refusal(changed("k" * 5000, 1))
    assert len(error.message) < 200
    assert len(error.field) < 100


@pytest.mark.parametrize(
    "data",
    [
        b"name = ",
        b"\xff\xfe",
        b"a = " + b"[" * 20_000,
        b"a = " + b"9" * 10_000,
        b"name = 1\nname = 2",
        b"#" * (MAXIMUM_MANIFEST_BYTES + 1),
    ],
    ids=["cut", "not UTF-8", "deep", "long number", "twice", "too large"],
)
def test_what_is_no_toml_of_a_sane_size_is_refused(data: bytes) -> None:
    refusal(data)


def test_the_built_in_packages_are_valid_and_named_like_their_folders() -> None:
    folders = builtin_packages()
    assert {folder.name for folder in folders} >= {"face", "face-320", "face-haar"}
    for folder in folders:
        assert load_package(folder).name == folder.name
        assert (folder / "card.md").is_file()
