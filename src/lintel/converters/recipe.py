"""What to make of a model: the settings of a conversion."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from lintel.converters.errors import ConversionError
from lintel.converters.precision import PRECISIONS_OF_FORMAT, Format, Precision
from lintel.edge import tables
from lintel.edge.errors import LintelError, PackageInvalidError
from lintel.edge.packages import Input

Task = Literal["classify", "regress", "detect", "tensor"]
Count = Annotated[int, Meta(ge=2, le=100_000)]

ALL_VARIANTS = tuple(
    f"{form}-{precision}"
    for form, precisions in PRECISIONS_OF_FORMAT.items()
    for precision in precisions
)
TREE_VARIANTS = ("onnx-float32", "xgboost-float32")
NETWORK_VARIANTS = tuple(name for name in ALL_VARIANTS if not name.startswith("xgboost"))


class Data(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where examples come from.

    Attributes:
        path: A folder of pictures, or a .npz file; relative to the recipe.
        reader: "file.py:function" instead, which yields feeds, or pairs of a feed and a label.
        count: No more than so many are taken.
    """

    path: str = ""
    reader: str = ""
    count: Count = 200


class MetricChoice(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The figure that a conversion has to keep.

    Attributes:
        function: "file.py:function"; it takes outputs, (examples, ...) by name, and the labels,
            and returns a number.
        name: What reports call it.
        higher_is_better: Else it is an error.
    """

    function: str
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    higher_is_better: bool = True


class Recipe(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to make of a model.

    Attributes:
        model: The trained model; relative to the recipe.
        task: What it does, which decides how it is judged: "classify" by accuracy, "regress" by
            the mean absolute error, or by agreement with the source where nothing is labelled.
        package: What the manifest says besides: name, version, licence, description, and for
            other than plain tensors task and output.
        input: How the device prepares a picture; without it, the model sees no pictures.
        labels: Names of the classes, in the model's order.
        calibration: Examples to calibrate with.
        verification: Examples to verify with; without them, those of `calibration` are divided.
        metric: The figure to keep; without it, that of the task.
        gate: Share of the source's figure that a variant has to keep to be packed.
        variants: What to make, such as "litert-int8".
        pack: "passed": every variant that keeps the gate; "preferred": of those the fastest
            alone, for the smallest package.
        shapes: Lengths of axes that have any, without the batch, by the input's name ("": the
            only one).
        trust: Run code that the model holds.
        seconds: How long each comparison of latencies may take.
    """

    model: str
    task: Task = "tensor"
    package: dict[str, Any] = field(default_factory=dict)
    input: Input | None = None
    labels: tuple[str, ...] = ()
    calibration: Data | None = None
    verification: Data | None = None
    metric: MetricChoice | None = None
    gate: Annotated[float, Meta(gt=0, le=1)] = 0.99
    variants: Annotated[tuple[str, ...], Meta(min_length=1)] = NETWORK_VARIANTS
    pack: Literal["passed", "preferred"] = "passed"
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    trust: bool = False
    seconds: Annotated[float, Meta(gt=0, le=60)] = 1.0


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe.

    Raises:
        ConversionError: It is missing, no TOML, or breaks a rule; the message names the key.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        recipe = tables.convert(tree, Recipe, PackageInvalidError, "key")
    except OSError as error:
        raise ConversionError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConversionError(f"The recipe {path} is not valid TOML ({error}).") from error
    except LintelError as error:
        raise ConversionError(f"{path}: {error.message}") from error
    for variant in recipe.variants:
        parse_variant(variant)
    return recipe


def parse_variant(name: str) -> tuple[Format, Precision]:
    """Takes the name of a variant apart.

    Raises:
        ConversionError: There is none of that name.
    """
    for form, precisions in PRECISIONS_OF_FORMAT.items():
        for precision in precisions:
            if name == f"{form}-{precision}":
                return form, precision
    raise ConversionError(f"There is no variant {name}: choose among {', '.join(ALL_VARIANTS)}.")
