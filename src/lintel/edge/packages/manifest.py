"""The manifest of a model package: what `model.toml` may say, and the rules between its keys."""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from lintel.edge import tables
from lintel.edge.errors import PackageInvalidError

MAXIMUM_MANIFEST_BYTES = 64 << 10
AUTO = "auto"

Backend = Literal["litert", "onnx", "opencv-cascade"]
Task = Literal["detect-faces", "tensor"]

_SEMANTIC_VERSION = (
    r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"
)
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NAME)]
Text = Annotated[str, Meta(max_length=4096)]
Side = Annotated[int, Meta(ge=1, le=8192)]
Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Labels = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=4096)
]


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
            "stretch" does not keep it; "long-side" keeps it and fills nothing.
    """

    size: tuple[Side, Side] | None = None
    long_side: Side | None = None
    colour: Literal["bgr", "rgb", "grey"]
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    dtype: Literal["uint8", "int8", "float32"] = "float32"
    mean: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=3)] = (0.0,)
    scale: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=3)] = (1.0,)
    resize: Literal["letterbox", "stretch", "long-side"]

    @property
    def channels(self) -> int:
        """How many channels the model sees: 1 or 3."""
        return 1 if self.colour == "grey" else 3


class Calibration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Turns a raw score s into a probability: 1 / (1 + exp(-(slope * s + intercept))).

    J. Platt, Probabilistic Outputs for Support Vector Machines, 1999.
    """

    slope: Number
    intercept: Number


class PlainOutput(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="decoder", tag="none"
):
    """Outputs that are served as they are."""

    labels: Labels = ()


class CascadeOutput(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="decoder",
    tag="cascade",
):
    """What OpenCV's cascade classifier finds, and how it looks.

    Attributes:
        labels: Names of what is found.
        scale_factor: Ratio between the sizes of window that are tried.
        min_neighbors: Windows that must agree on a face.
        min_size: Smallest window, in pixels of the model's input.
        min_score: Probability below which a face is left out where a request does not say.
        iou: Of two boxes that overlap more than this, only the better is kept.
        calibration: From the natural logarithm of the windows that agree to a probability.
    """

    labels: Labels = ()
    scale_factor: Annotated[float, Meta(gt=1, le=4)] = 1.1
    min_neighbors: Annotated[int, Meta(ge=1, le=100)] = 3
    min_size: Annotated[int, Meta(ge=1, le=8192)] = 24
    min_score: Share = 0.5
    iou: Share = 0.4
    calibration: Calibration


Output = PlainOutput | CascadeOutput


class Variant(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file that the model can run from.

    Attributes:
        name: What settings call it.
        backend: What runs it.
        file: Name of a file in the package's folder, or "opencv:NAME" for one of OpenCV's wheel.
        sha256: SHA-256 of the file in lower-case hexadecimal.
        precision: Of the weights.
        metrics: Figures as verified, such as { "ap@0.4" = 0.97 }.
    """

    name: Name
    backend: Backend
    file: Annotated[str, Meta(min_length=1, max_length=255)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    precision: Literal["float32", "float16", "int8", "int16x8", "dynamic"] = "float32"
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
        if manifest.task != "tensor":
            raise PackageInvalidError("A model that sees pictures needs [input].", field="input")
        return
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
    for key in ("mean", "scale"):
        if len(getattr(expected, key)) not in {1, expected.channels}:
            raise PackageInvalidError(
                f"The key input.{key} must have 1 or {expected.channels} numbers.",
                field=f"input.{key}",
            )


def _check_output(manifest: Manifest) -> None:
    if manifest.task == "tensor" and not isinstance(manifest.output, PlainOutput | None):
        raise PackageInvalidError(
            'A model with the task "tensor" must have the decoder "none".', field="output.decoder"
        )
    if manifest.task == "detect-faces" and not isinstance(manifest.output, CascadeOutput):
        raise PackageInvalidError(
            'A model with the task "detect-faces" must have the decoder "cascade".',
            field="output.decoder",
        )
    expected = manifest.input
    if isinstance(manifest.output, CascadeOutput) and expected is not None:
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
