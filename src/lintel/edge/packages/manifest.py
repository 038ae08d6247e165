"""The manifest of a model package: what `model.toml` may say, and the rules between its keys."""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal

from msgspec import Meta, Struct, field, structs

from lintel.edge import tables
from lintel.edge.errors import PackageInvalidError
from lintel.edge.packages.outputs import (
    CascadeOutput,
    ClassesOutput,
    FaceOutput,
    ForecastOutput,
    Number,
    Output,
    PlainOutput,
)

MAXIMUM_MANIFEST_BYTES = 64 << 10
AUTO = "auto"

Backend = Literal["litert", "onnx", "xgboost", "opencv-cascade"]
Task = Literal["detect-faces", "classify-masks", "forecast", "tensor"]

_SEMANTIC_VERSION = (
    r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"
)
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NAME)]
Text = Annotated[str, Meta(max_length=4096)]
Side = Annotated[int, Meta(ge=1, le=8192)]
Size = tuple[Side, Side]


class Input(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a picture becomes the model's input.

    Attributes:
        size: Width and height in pixels that every picture is brought to; with "letterbox" and
            "stretch".
        long_side: Pixels that the long side of every picture is brought to; with "long-side".
        colour: Order of the channels.
        layout: Order of the axes.
        dtype: What the values are passed as.
        mean: Taken off the pixels (0 to 255): one number, or one a channel.
        scale: The rest is multiplied by it: one number, or one a channel.
        resize: "letterbox" keeps the shape and fills the rest with grey 114, right and below;
            "stretch" does not keep it; "long-side" keeps it and fills no more than `multiple_of`
            asks for.
        multiple_of: With "long-side", width and height are filled up to multiples of it with grey
            114, right and below.
    """

    size: Size | None = None
    long_side: Side | None = None
    colour: Literal["bgr", "rgb", "grey"]
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    dtype: Literal["uint8", "int8", "float32"] = "float32"
    mean: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=3)] = (0.0,)
    scale: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=3)] = (1.0,)
    resize: Literal["letterbox", "stretch", "long-side"]
    multiple_of: Annotated[int, Meta(ge=1, le=1024)] = 1

    @property
    def channels(self) -> int:
        """How many channels the model sees: 1 or 3."""
        return 1 if self.colour == "grey" else 3


class Variant(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file that the model can run from.

    Attributes:
        name: What settings call it.
        backend: What runs it.
        file: Name of a file in the package's folder, or "opencv:NAME" for one of OpenCV's wheel.
        sha256: SHA-256 of the file in lower-case hexadecimal.
        precision: Of the weights.
        input_size: Width and height in pixels that it takes instead of `input.size`.
        metrics: Figures as verified, such as { "ap@0.4" = 0.97 }.
    """

    name: Name
    backend: Backend
    file: Annotated[str, Meta(min_length=1, max_length=255)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    precision: Literal["float32", "float16", "int8", "int16x8", "dynamic"] = "float32"
    input_size: Size | None = None
    metrics: Annotated[
        dict[str, Annotated[float, Meta(ge=-1e12, le=1e12)]], Meta(max_length=64)
    ] = field(default_factory=dict)


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `model.toml` says."""

    name: Name
    version: Annotated[str, Meta(max_length=64, pattern=_SEMANTIC_VERSION)]
    task: Task
    licence: Annotated[str, Meta(min_length=1, max_length=4096)]
    description: Text = ""
    input: Input | None = None
    output: Output | None = None
    variants: Annotated[tuple[Variant, ...], Meta(min_length=1, max_length=16)] = field(
        name="variant"
    )

    def input_for(self, variant: Variant) -> Input | None:
        """Returns what a variant takes: `input`, with the variant's own size where it has one."""
        if self.input is None or variant.input_size is None:
            return self.input
        return structs.replace(self.input, size=variant.input_size)


def parse_manifest(data: bytes) -> Manifest:
    """Reads a manifest.

    Args:
        data: The bytes of `model.toml`.

    Raises:
        PackageInvalidError: It is too large, not TOML, or breaks a rule; `field` is the path of
            the key at fault, such as "variant[1].sha256".
    """
    if len(data) > MAXIMUM_MANIFEST_BYTES:
        raise PackageInvalidError(
            f"The manifest has more than {MAXIMUM_MANIFEST_BYTES} bytes, which is the limit."
        )
    try:
        tree = tomllib.loads(data.decode("utf-8"))
    # Values too deep or numbers too long are told by the last two.
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise PackageInvalidError("The manifest is not valid TOML.") from error
    manifest = tables.convert(tree, Manifest, PackageInvalidError, "key")
    _check_input(manifest)
    _check_output(manifest)
    _check_variants(manifest)
    return manifest


def _check_input(manifest: Manifest) -> None:
    expected = manifest.input
    if expected is None:
        if manifest.task not in {"tensor", "forecast"}:
            raise PackageInvalidError("A model that sees pictures needs [input].", field="input")
        return
    if manifest.task == "forecast":
        raise PackageInvalidError("A model that forecasts has no use for [input].", field="input")
    wanted, other = (
        ("long_side", "size") if expected.resize == "long-side" else ("size", "long_side")
    )
    if getattr(expected, wanted) is None:
        raise PackageInvalidError(
            f'The way of resizing "{expected.resize}" needs input.{wanted}.',
            field=f"input.{wanted}",
        )
    if getattr(expected, other) is not None:
        raise PackageInvalidError(
            f'The way of resizing "{expected.resize}" has no use for input.{other}.',
            field=f"input.{other}",
        )
    if expected.resize != "long-side" and expected.multiple_of != 1:
        raise PackageInvalidError(
            f'The way of resizing "{expected.resize}" has no use for input.multiple_of.',
            field="input.multiple_of",
        )
    for key in ("mean", "scale"):
        if len(getattr(expected, key)) not in {1, expected.channels}:
            raise PackageInvalidError(
                f"The key input.{key} must have 1 or {expected.channels} numbers.",
                field=f"input.{key}",
            )


def _check_output(manifest: Manifest) -> None:
    output = manifest.output
    if manifest.task == "tensor" and not isinstance(output, PlainOutput | None):
        raise PackageInvalidError(
            'A model with the task "tensor" must have the decoder "none".', field="output.decoder"
        )
    if manifest.task == "detect-faces" and not isinstance(output, FaceOutput):
        raise PackageInvalidError(
            'A model with the task "detect-faces" must have a decoder that finds faces.',
            field="output.decoder",
        )
    if manifest.task == "classify-masks" and not isinstance(output, ClassesOutput):
        raise PackageInvalidError(
            'A model with the task "classify-masks" must have the decoder "classes".',
            field="output.decoder",
        )
    if manifest.task == "forecast" and not isinstance(output, ForecastOutput):
        raise PackageInvalidError(
            'A model with the task "forecast" must have the decoder "forecast-window".',
            field="output.decoder",
        )
    if isinstance(output, FaceOutput | ClassesOutput):
        output.check()
    expected = manifest.input
    if isinstance(output, ClassesOutput) and expected is not None and expected.resize != "stretch":
        raise PackageInvalidError(
            'The decoder "classes" needs input.resize to be "stretch".', field="input.resize"
        )
    if isinstance(output, CascadeOutput) and expected is not None:
        for key, value in {"colour": "grey", "dtype": "uint8"}.items():
            if getattr(expected, key) != value:
                raise PackageInvalidError(
                    f'The decoder "cascade" needs input.{key} to be "{value}".',
                    field=f"input.{key}",
                )


def _check_variants(manifest: Manifest) -> None:
    seen = {AUTO}
    for index, variant in enumerate(manifest.variants):
        if variant.name in seen:
            raise PackageInvalidError(
                f'The name of a variant must be its own, and not "{AUTO}".',
                field=f"variant[{index}].name",
            )
        seen.add(variant.name)
        is_cascade = isinstance(manifest.output, CascadeOutput)
        if is_cascade != (variant.backend == "opencv-cascade"):
            raise PackageInvalidError(
                'The decoder "cascade" and the backend "opencv-cascade" go together.',
                field=f"variant[{index}].backend",
            )
        _check_size(manifest, variant, f"variant[{index}].input_size")


def _check_size(manifest: Manifest, variant: Variant, own_key: str) -> None:
    """Checks that a variant may have its own size, and that the decoder's grids fit its size."""
    default = manifest.input
    if variant.input_size is not None and (default is None or default.size is None):
        raise PackageInvalidError(
            "Only where input.size is given can a variant have its own.", field=own_key
        )
    expected = manifest.input_for(variant)
    if expected is None or not isinstance(manifest.output, FaceOutput):
        return
    if expected.size is None:
        key, lengths = "input.multiple_of", [expected.multiple_of]
    else:
        key, lengths = own_key if variant.input_size else "input.size", list(expected.size)
    for stride in manifest.output.grid_strides:
        if any(length % stride for length in lengths):
            raise PackageInvalidError(
                f"The decoder's grids need {key} to be divisible by {stride}.", field=key
            )
