"""A model as TensorFlow runs it, whatever it was trained with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lintel.converters.errors import ConversionError

# Lengths of the axes of inputs, by the input's name, the batch not counted.
Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class TensorDescription:
    """What a model takes in one place.

    Attributes:
        name: The tensor's name.
        shape: Its axes; None: any length.
        dtype: NumPy's name of its type.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class TensorFlowGraph:
    """A model as TensorFlow runs it.

    Attributes:
        call: Takes the inputs in order, and returns the outputs in order.
        inputs: What it takes.
        outputs: Names of what it gives.
        unroll: Makes the same graph with its recurrent layers laid out step by step, which needs
            sequences of a fixed length; None: it has none.
    """

    call: Callable[..., Sequence[Any]]
    inputs: tuple[TensorDescription, ...]
    outputs: tuple[str, ...]
    unroll: Callable[[], TensorFlowGraph] | None = None

    def with_shapes(self, shapes: Shapes) -> TensorFlowGraph:
        """Gives axes that have any length the lengths that the caller wants.

        Raises:
            ConversionError: There is no such input, or it contradicts the model.
        """
        if not shapes:
            return self
        wanted = dict(shapes)
        if set(wanted) == {""} and len(self.inputs) == 1:
            wanted = {self.inputs[0].name: wanted[""]}
        known = {description.name for description in self.inputs}
        for name in set(wanted) - known:
            raise ConversionError(
                f"The model has no input {name or 'without a name'}; give the shape of"
                f" {', '.join(sorted(known))}."
            )
        fixed = (
            fix_lengths(description, wanted.get(description.name)) for description in self.inputs
        )
        return replace(self, inputs=tuple(fixed))

    def with_batch(self, batch: int) -> TensorFlowGraph:
        """Fixes the first axis where it is free.

        Raises:
            ConversionError: Another axis is free.
        """
        for description in self.inputs:
            if None in description.shape[1:]:
                lengths = ", ".join("?" if n is None else str(n) for n in description.shape[1:])
                raise ConversionError(
                    f"The input {description.name} has axes of any length ({lengths}), which"
                    " TensorFlow Lite cannot hold: give them with --shape, such as"
                    " --shape 224,224,3."
                )
        fixed = (
            replace(
                description,
                shape=(batch, *description.shape[1:])
                if description.shape and description.shape[0] is None
                else description.shape,
            )
            for description in self.inputs
        )
        return replace(self, inputs=tuple(fixed))


def fix_lengths(description: TensorDescription, lengths: Sequence[int] | None) -> TensorDescription:
    """Gives the axes of an input, the batch not counted, the lengths that the caller wants.

    Raises:
        ConversionError: They contradict the model.
    """
    if lengths is None:
        return description
    own = description.shape[1:]
    fits = len(own) == len(lengths) and all(
        length in {None, wanted} for length, wanted in zip(own, lengths, strict=True)
    )
    if not fits:
        shown = ", ".join("?" if length is None else str(length) for length in own)
        raise ConversionError(
            f"The input {description.name} has the shape ({shown}) without its batch, and not"
            f" ({', '.join(map(str, lengths))}): give a --shape that fits."
        )
    return replace(description, shape=(description.shape[0], *lengths))


def plain_names(names: Sequence[str]) -> tuple[str, ...]:
    """Makes names that every runtime takes: TensorFlow's own have colons and slashes in them."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_.]+", "_", name.removesuffix(":0")).strip("_") or "tensor"
        number = 1
        while plain in made:
            number += 1
            plain = f"{plain.rstrip('0123456789').rstrip('_')}_{number}"
        made.append(plain)
    return tuple(made)
