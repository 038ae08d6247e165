"""What a training may be told, in typed settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tables import convert
from lintel.lab.errors import LabError

Share = Annotated[float, Meta(ge=0, le=1)]


class TrainingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that a training depends on besides its data and code.

    Attributes:
        arch: The architecture, by its name in the recipe.
        size: Width and height of the network's pictures, pixels.
        width: Multiplies the channels of the recipe's own architectures.
        dropout: Share of features that are left out before the last layer, in training.
        margin: Context round a face's box, as a share of its longer side on each side.
        epochs: How often as many faces are shown as there are.
        batch: Faces a step.
        learning_rate: The highest; it rises over the first steps and falls as a cosine.
        weight_decay: Of AdamW.
        minutes: Stop after the epoch in which so much processor time has passed; 0: never.
        loss: "cross-entropy"; "focal" (T.-Y. Lin et al., Focal Loss for Dense Object Detection,
            2017); "logit-adjusted" (A. K. Menon et al., Long-Tail Learning via Logit Adjustment,
            2021).
        focus: The exponent of the focal loss.
        label_smoothing: Share of the wanted distribution that is spread over all classes.
        average: Decay, a step, of the moving average of weights that is kept as the model; 0:
            none is taken.
        augmentation: Strength of the changes to pictures; 0: none.
        displaced: Share of shown faces on which a mask is put, too low or well.
        rare: Least share of each class among the shown faces that are not so made.
        smallest: Least short side of a face to learn from, pixels with the long side at 640.
        frozen_epochs: First epochs in which given weights stay as they are.
        seed: Of all that is left to chance.
    """

    arch: str = "mask"
    size: Annotated[int, Meta(ge=32, le=512)] = 128
    width: Annotated[float, Meta(gt=0, le=4)] = 1.0
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.2
    margin: Annotated[float, Meta(ge=0, le=2)] = 0.2
    epochs: Annotated[int, Meta(ge=1)] = 45
    batch: Annotated[int, Meta(ge=1)] = 64
    learning_rate: Annotated[float, Meta(gt=0)] = 2e-3
    weight_decay: Annotated[float, Meta(ge=0)] = 0.02
    minutes: Annotated[float, Meta(ge=0)] = 0.0
    loss: Literal["cross-entropy", "focal", "logit-adjusted"] = "cross-entropy"
    focus: Annotated[float, Meta(ge=0)] = 2.0
    label_smoothing: Annotated[float, Meta(ge=0, lt=1)] = 0.05
    average: Annotated[float, Meta(ge=0, lt=1)] = 0.998
    augmentation: Annotated[float, Meta(ge=0, le=2)] = 1.0
    displaced: Share = 0.08
    rare: Share = 0.1
    smallest: Annotated[float, Meta(ge=0)] = 10.0
    frozen_epochs: Annotated[int, Meta(ge=0)] = 0
    seed: Annotated[int, Meta(ge=0)] = 1


def parse_settings(tree: dict[str, Any]) -> TrainingSettings:
    """Validates settings, as a TOML file gives them.

    Raises:
        LabError: One is unknown (the message has the nearest known one), or wrong.
    """
    try:
        return convert(tree, TrainingSettings, InvalidArgumentError, "setting")
    except InvalidArgumentError as error:
        raise LabError(str(error)) from error


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Reads "key=value" pairs.

    Returns:
        Numbers where the values are numbers, words where not.

    Raises:
        LabError: See `parse_pairs`.
    """
    return {key: parse_value(value) for key, value in parse_pairs(assignments).items()}


def parse_pairs(assignments: Iterable[str]) -> dict[str, str]:
    """Reads "key=value" pairs as they are written.

    Raises:
        LabError: One is no such pair, or a key is given twice.
    """
    pairs: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key or not value:
            raise LabError(f"{assignment} is no setting: write key=value.")
        if key in pairs:
            raise LabError(f"The setting {key} is given twice.")
        pairs[key] = value
    return pairs


def parse_value(text: str) -> Any:
    """Returns the number that a text is, or the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
