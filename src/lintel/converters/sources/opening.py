"""Source models, opened: to look at, to run, to convert."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, load_examples, stack_outputs
from lintel.converters.sources.graph import Shapes, TensorDescription, TensorFlowGraph
from lintel.converters.sources.identify import Kind, identify
from lintel.converters.sources.trees import Trees, open_pickle, open_xgboost


class Source(Protocol):
    """A source model that can be run.

    Attributes:
        inputs: What it takes.
        outputs: Names of what it gives.
    """

    @property
    def inputs(self) -> tuple[TensorDescription, ...]: ...  # noqa: D102

    @property
    def outputs(self) -> tuple[str, ...]: ...  # noqa: D102

    def run(self, examples: Path) -> dict[str, Tensor]:
        """Runs it on a folder of examples, and returns its outputs, (examples, ...) by name."""


def open_source(path: Path, *, trust: bool = False, shapes: Shapes | None = None) -> Source:
    """Opens a source model to run it in the library that it comes from.

    Args:
        path: The model.
        trust: Run code that the model holds.
        shapes: Lengths of axes that have any.

    Raises:
        ConversionError: It cannot be read, or holds code and is not trusted.
    """
    kind = identify_trusted(path, trust=trust)
    if kind.is_tensorflow:
        return _TensorFlowSource(open_graph(path, trust=trust, shapes=shapes))
    if kind.is_trees:
        return _open_trees(path, kind)
    if kind is not Kind.ONNX:
        from lintel.converters.sources.torch import open_torch  # noqa: PLC0415

        return open_torch(path, shapes or {}, is_pickle=kind is Kind.TORCH_PICKLE)
    from lintel.converters.sources import onnx_model  # noqa: PLC0415

    return onnx_model.OnnxSource(onnx_model.open_onnx_file(path, shapes or {}, as_is=True))


def open_graph(path: Path, *, trust: bool = False, shapes: Shapes | None = None) -> TensorFlowGraph:
    """Opens a model as TensorFlow runs it; see open_source."""
    kind = identify_trusted(path, trust=trust)
    if kind is Kind.SAVED_MODEL:
        from lintel.converters.sources.saved_model import open_saved_model  # noqa: PLC0415

        graph = open_saved_model(path)
    elif kind in {Kind.KERAS, Kind.KERAS_H5}:
        from lintel.converters.sources import keras  # noqa: PLC0415

        read = keras.open_keras if kind is Kind.KERAS else keras.open_keras_h5
        graph = read(path, trust=trust)
    elif kind in {Kind.ONNX, Kind.TORCH_EXPORT, Kind.TORCH_PICKLE}:
        from lintel.converters.sources.onnx_graph import open_onnx_graph  # noqa: PLC0415

        return open_onnx_graph(open_onnx(path, trust=trust, shapes=shapes), path.name)
    else:
        raise ConversionError(
            f"{path.name} cannot become TensorFlow Lite: convert it to ONNX (--format onnx)."
        )
    return graph.with_shapes(shapes or {})


def open_onnx(path: Path, *, trust: bool = False, shapes: Shapes | None = None) -> Any:
    """Opens a model as a float32 ONNX ModelProto; see open_source."""
    kind = identify_trusted(path, trust=trust)
    if kind.is_tensorflow:
        from lintel.converters.targets.onnx_export import export_onnx  # noqa: PLC0415

        return export_onnx(open_graph(path, trust=trust, shapes=shapes))
    if kind is Kind.ONNX:
        from lintel.converters.sources.onnx_model import open_onnx_file  # noqa: PLC0415

        return open_onnx_file(path, shapes or {})
    if kind.is_trees:
        return _open_trees(path, kind).export()
    from lintel.converters.sources import torch  # noqa: PLC0415

    is_pickle = kind is Kind.TORCH_PICKLE
    return torch.export_torch(torch.open_program(path, shapes or {}, is_pickle=is_pickle))


def _open_trees(path: Path, kind: Kind) -> Trees:
    return open_xgboost(path) if kind is Kind.XGBOOST else open_pickle(path)


@dataclass(frozen=True)
class _TensorFlowSource:
    """A model that TensorFlow runs."""

    graph: TensorFlowGraph

    @property
    def inputs(self) -> tuple[TensorDescription, ...]:
        return self.graph.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.graph.outputs

    def run(self, examples: Path) -> dict[str, Tensor]:
        """See Source.run."""
        import tensorflow as tf  # noqa: PLC0415 -- takes seconds

        call = tf.function(lambda *tensors: list(self.graph.call(*tensors)), autograph=False)
        names = tuple(d.name for d in self.inputs)
        ranks = tuple(len(d.shape) for d in self.inputs)

        def results() -> Iterator[dict[str, Tensor]]:
            for feed in load_examples(examples, names, ranks):
                tensors = [tf.constant(feed[d.name], d.dtype) for d in self.inputs]
                values = (np.asarray(value) for value in call(*tensors))
                yield dict(zip(self.outputs, values, strict=True))

        return stack_outputs(results())


def identify_trusted(path: Path, *, trust: bool) -> Kind:
    """Tells what kind of model a file or folder is; nothing of it is run.

    Raises:
        ConversionError: It is code, and not trusted.
    """
    kind = identify(path)
    if kind.is_code and not trust:
        raise ConversionError(
            f"{path.name} is a pickle, which runs its maker's code when it is read: give --trust if"
            " you know who made it."
        )
    return kind
