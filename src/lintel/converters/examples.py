"""Examples of a model's inputs, handed from process to process as files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.converters.errors import ConversionError

Tensor = NDArray[Any]
# One inference: an array with a first axis of 1 for every input by name, or the only input's.
Feed = Tensor | Mapping[str, Tensor]

ONLY_INPUT = "input"


def save_examples(examples: Iterable[Feed], folder: Path, most: int | None = None) -> int:
    """Writes examples, one file each, and holds no more than one in memory.

    Args:
        examples: See Feed. An array of a model's only input may go without its first axis, if
            that makes no difference to `load_examples`.
        folder: Where to; it is made.
        most: Take no more than so many; None: all.

    Returns:
        How many there were.
    """
    folder.mkdir(parents=True)
    count = 0
    for feed in islice(examples, most):
        named = feed if isinstance(feed, Mapping) else {ONLY_INPUT: feed}
        arrays = {name: np.asarray(value) for name, value in named.items()}
        np.savez(folder / f"{count:06d}.npz", **arrays)  # type: ignore[arg-type]
        count += 1
    return count


def load_examples(
    folder: Path, names: tuple[str, ...], ranks: tuple[int, ...]
) -> Iterator[dict[str, Tensor]]:
    """Reads examples for a model.

    Args:
        folder: Of `save_examples`.
        names: Of the model's inputs.
        ranks: Axes of each input, the first one of the batch counted.

    Raises:
        ConversionError: An example has other inputs than the model.
    """
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            feed = dict(file.items())
        if set(feed) == {ONLY_INPUT} and len(names) == 1:
            feed = {names[0]: feed[ONLY_INPUT]}
        if set(feed) != set(names):
            raise ConversionError(
                f"An example has the inputs {', '.join(sorted(feed))}; the model wants"
                f" {', '.join(names)}: give those."
            )
        yield {
            name: feed[name][np.newaxis] if feed[name].ndim == rank - 1 else feed[name]
            for name, rank in zip(names, ranks, strict=True)
        }


def count_examples(folder: Path) -> int:
    """Returns how many examples a folder of `save_examples` holds."""
    return sum(1 for _ in folder.glob("*.npz"))


def save_outputs(outputs: Mapping[str, Tensor], path: Path) -> None:
    """Writes a model's outputs, (examples, ...) by name."""
    np.savez(path, **outputs)  # type: ignore[arg-type]


def load_outputs(path: Path) -> dict[str, Tensor]:
    """Reads outputs that `save_outputs` wrote."""
    with np.load(path) as file:
        return dict(file.items())


def stack_outputs(results: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Joins the outputs of single inferences along their first axis.

    Outputs whose length differs between examples are joined as an array of objects.
    """
    gathered: dict[str, list[Tensor]] = {}
    for result in results:
        for name, value in result.items():
            gathered.setdefault(name, []).append(np.asarray(value))
    return {name: _join(values) for name, values in gathered.items()}


def _join(values: list[Tensor]) -> Tensor:
    if len({value.shape[1:] for value in values}) == 1 and values[0].ndim > 0:
        return np.concatenate(values)
    return np.stack(values)
