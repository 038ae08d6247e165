"""What is read of models: outputs whose names and shapes are checked before they are believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lintel.edge.backends import Tensor, TensorSpec
from lintel.edge.errors import InferenceFailedError, PackageInvalidError
from lintel.edge.tables import shorten

Floats: TypeAlias = NDArray[np.float32]
Shape: TypeAlias = tuple[int, ...]

ANY = -1


class ExpectedTensor(NamedTuple):
    """An output that a manifest names.

    Attributes:
        key: Path of the manifest's key that names it.
        name: The output.
        shapes: The shapes it may have; ANY stands for any length.
    """

    key: str
    name: str
    shapes: tuple[Shape, ...]

    def fits(self, shape: Shape) -> bool:
        """Returns whether a shape, perhaps with ANY in it too, may be one of those expected."""
        return any(
            len(shape) == len(wanted)
            and all(ANY in pair or pair[0] == pair[1] for pair in zip(shape, wanted, strict=True))
            for wanted in self.shapes
        )

    def read(self, results: Mapping[str, Tensor]) -> Floats:
        """Takes the output from a model's results, as float32.

        Raises:
            InferenceFailedError: It is missing, of another shape, or holds no numbers.
        """
        values = results.get(self.name)
        if values is None or not self.fits(values.shape) or values.dtype.kind != "f":
            raise InferenceFailedError("The model gave what its manifest does not say.")
        return np.asarray(values, np.float32)


class ExpectedTable(NamedTuple):
    """Outputs that make one table, a row a candidate: one output a grid, or one for all.

    Attributes:
        key: The manifest's key with their names.
        names: The outputs; a plain string where the key takes no list.
        columns: Numbers a candidate.
    """

    key: str
    names: Sequence[str] | str
    columns: int = 1

    def tensors(self, counts: Sequence[int]) -> list[ExpectedTensor]:
        """Returns what is expected of each output.

        Args:
            counts: Candidates of each grid, or ANY.
        """
        total = ANY if ANY in counts else sum(counts)
        if isinstance(self.names, str):
            return [ExpectedTensor(self.key, self.names, self._shapes(total))]
        if len(self.names) == 1:
            counts = (total,)
        return [
            ExpectedTensor(f"{self.key}[{index}]", name, self._shapes(count))
            for index, (name, count) in enumerate(zip(self.names, counts, strict=True))
        ]

    def read(self, results: Mapping[str, Tensor], counts: Sequence[int]) -> Floats:
        """Takes the table from a model's results, (candidates, columns).

        Raises:
            InferenceFailedError: An output is missing, of another shape, or holds no numbers.
        """
        parts = [tensor.read(results).reshape(-1, self.columns) for tensor in self.tensors(counts)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _shapes(self, count: int) -> tuple[Shape, ...]:
        shapes: tuple[Shape, ...] = ((1, count, self.columns), (count, self.columns))
        return (*shapes, (1, count), (count,)) if self.columns == 1 else shapes


def check_outputs(expected: Iterable[ExpectedTensor], specs: Sequence[TensorSpec]) -> None:
    """Checks the outputs of a model that has been opened, so far as the model tells of them.

    Raises:
        PackageInvalidError: One is missing, of another shape, or of integers; `field` is the key
            of the manifest that names it.
    """
    given = {spec.name: spec for spec in specs}
    for tensor in expected:
        spec = given.get(tensor.name)
        name = shorten(tensor.name)
        if spec is None:
            listed = ", ".join(shorten(other) for other in list(given)[:16])
            raise PackageInvalidError(
                f"The key {tensor.key} names the output {name}, which the model does not have; "
                f"it has {listed}.",
                field=tensor.key,
            )
        if spec.dtype.kind != "f":
            raise PackageInvalidError(
                f"The key {tensor.key} names the output {name}, which must be of floating-point "
                f"numbers, not {spec.dtype}.",
                field=tensor.key,
            )
        # Some models do not tell a shape.
        if spec.shape and not tensor.fits(spec.shape):
            wanted = " or ".join(str(list(shape)) for shape in tensor.shapes)
            raise PackageInvalidError(
                f"The key {tensor.key} names the output {name}, which must have the shape "
                f"{wanted} (-1: any length), not {list(spec.shape)}.",
                field=tensor.key,
            )
