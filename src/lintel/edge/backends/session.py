"""One interface for models, whatever runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError

Tensor = NDArray[Any]


class TensorSpec(NamedTuple):
    """What a model takes or gives in one place.

    Attributes:
        name: The tensor's name.
        dtype: Of its values; object stands for strings, as arrays of bytes.
        shape: Its axes; -1: any length.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Session(Protocol):
    """A model, ready to run; never in two threads at once.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
    """

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...  # noqa: D102

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...  # noqa: D102

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Runs the model.

        Args:
            feeds: An array for every input, by name, of its dtype and shape.

        Returns:
            An array for every output, by name; they are the caller's own.

        Raises:
            InvalidArgumentError: A feed is missing, unknown, or of another dtype or shape;
                the session is as it was.
            InferenceFailedError: The model failed on this input.
        """


def check_feeds(feeds: Mapping[str, Tensor], inputs: tuple[TensorSpec, ...]) -> None:
    """Checks that `feeds` has what a model takes, and nothing else.

    Raises:
        InvalidArgumentError: It has not; the message and `field` name the tensor.
    """
    names = {spec.name for spec in inputs}
    if not names.issuperset(feeds):
        raise InvalidArgumentError(
            f"The model has no such input; it has {', '.join(sorted(names))}.", field="inputs"
        )
    for spec in inputs:
        feed = feeds.get(spec.name)
        where = f"inputs.{spec.name}"
        if feed is None:
            raise InvalidArgumentError(f"The input {spec.name} is missing.", field=where)
        if feed.dtype != spec.dtype:
            raise InvalidArgumentError(
                f"The input {spec.name} must be of the type {spec.dtype}, not {feed.dtype}.",
                field=where,
            )
        if feed.ndim != len(spec.shape) or any(
            wanted not in {-1, length} or length == 0
            for wanted, length in zip(spec.shape, feed.shape, strict=True)
        ):
            raise InvalidArgumentError(
                f"The input {spec.name} must have the shape {list(spec.shape)} "
                f"(-1: any length but 0), not {list(feed.shape)}.",
                field=where,
            )
