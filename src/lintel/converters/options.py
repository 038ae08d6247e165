"""A command line into a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from lintel.converters.conversion import SourceModel
from lintel.converters.errors import ConversionError
from lintel.converters.packing import plain_name
from lintel.converters.precision import SUFFIX_OF_FORMAT
from lintel.converters.recipe import (
    NETWORK_VARIANTS,
    TREE_VARIANTS,
    Data,
    Recipe,
    parse_variant,
)
from lintel.converters.sources import Kind, TensorDescription, identify
from lintel.edge.packages import Input

_PICTURE_AXES = 4
# What the manifest of a package takes.
_MOST = 1_000_000
_COLOURS = {1: "grey", 3: "rgb"}


def make_recipe(given: Mapping[str, Any]) -> tuple[Recipe, bool]:
    """Turns the options of `lintel-convert` into a recipe.

    Args:
        given: Values by option.

    Returns:
        The recipe, and whether a variant that cannot be made is an error: it is where it was
        asked for by name.

    Raises:
        ConversionError: An option is wrong, or the model cannot be read.
    """
    model = given["model"]
    kind = identify(model)
    if not 0 < given["gate"] <= 1:
        raise ConversionError("The gate is a share of 1, such as 0.99 or 0.999.")
    variants = _variants(given, kind)
    shapes = _shapes(given["shapes"])
    inputs, _ = SourceModel(model, given["trust"], shapes).describe()
    package = {key: given[key] for key in ("name", "licence") if given[key]}
    if given["name"] and plain_name(given["name"]) != given["name"]:
        raise ConversionError(
            f'The name {given["name"]} is not one of a package: up to 64 letters, digits, "-" and'
            f' "_", such as {plain_name(given["name"])}.'
        )
    recipe = Recipe(
        model=str(model.absolute()),
        task=given["task"],
        package=package,
        input=_picture_input(inputs, given),
        labels=tuple(
            label.strip() for label in (given["labels"] or "").split(",") if label.strip()
        ),
        calibration=Data(path=str(given["calibrate"].absolute()), count=given["count"]),
        verification=_data(given["verify"]),
        gate=given["gate"],
        variants=variants,
        shapes=shapes,
        trust=given["trust"],
    )
    return recipe, bool(given["variants"])


def _data(path: Path | None) -> Data | None:
    return None if path is None else Data(path=str(path.absolute()), count=1000)


def _variants(given: Mapping[str, Any], kind: Kind) -> tuple[str, ...]:
    for name in given["variants"]:
        parse_variant(name)
    every = _variants_of(kind)
    chosen = given["variants"] or every
    formats = given["formats"] or tuple(SUFFIX_OF_FORMAT)
    left = tuple(name for name in chosen if name.partition("-")[0] in formats)
    if not left:
        raise ConversionError("No --variant is of the --format: leave one of them out.")
    return left


def _variants_of(kind: Kind) -> tuple[str, ...]:
    if kind is Kind.XGBOOST:
        return TREE_VARIANTS
    # scikit-learn's own form is code.
    return ("onnx-float32",) if kind.is_trees else NETWORK_VARIANTS


def _shapes(texts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for text in texts:
        name, _, lengths = text.rpartition("=")
        try:
            shapes[name] = tuple(int(length) for length in lengths.split(","))
        except ValueError as error:
            raise ConversionError(
                f"{text} is no shape: write lengths with commas between, such as 224,224,3."
            ) from error
    return shapes


def _picture_input(inputs: tuple[TensorDescription, ...], given: Mapping[str, Any]) -> Input | None:
    """Tells how a device prepares a picture for the model; None: it takes none."""
    only = inputs[0]
    if len(inputs) != 1 or len(only.shape) != _PICTURE_AXES:
        return None
    layout: Literal["NHWC", "NCHW"]
    if only.shape[3] in _COLOURS:
        layout, (height, width, channels) = "NHWC", only.shape[1:]
    elif only.shape[1] in _COLOURS:
        layout, (channels, height, width) = "NCHW", only.shape[1:]
    else:
        return None
    if height is None or width is None or channels is None:
        raise ConversionError(
            f"The input {only.name} takes pictures of any size: give --shape, such as"
            " --shape 224,224,3."
        )
    if only.dtype not in {"float32", "uint8", "int8"}:
        raise ConversionError(
            f"The input {only.name} is of the type {only.dtype}, which pictures cannot be brought"
            " to: save the model with an input of float32."
        )
    described = {
        "size": (width, height),
        "colour": given["colour"] or _COLOURS[channels],
        "layout": layout,
        "dtype": only.dtype,
        "mean": _numbers(given["mean"], "--mean", channels),
        "scale": _scale(given["scale"], channels),
        "resize": given["resize"],
    }
    return msgspec.convert(described, Input)


def _numbers(text: str, option: str, channels: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in text.split(","))
    except ValueError:
        numbers = ()
    # Written so that NaN fails too.
    if len(numbers) not in {1, channels} or not all(abs(each) <= _MOST for each in numbers):
        raise ConversionError(
            f"{option} takes one number, or {channels} with commas between, from -{_MOST:,} to"
            f" {_MOST:,}."
        )
    return numbers


def _scale(text: str, channels: int) -> tuple[float, ...]:
    numbers = _numbers(text, "--scale", channels)
    if 0 in numbers:
        raise ConversionError("--scale must not be 0: every picture would be the same.")
    return numbers
