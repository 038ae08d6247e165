"""PyTorch models, through torch.export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, load_examples, stack_outputs
from lintel.converters.sources.graph import Shapes, TensorDescription
from lintel.converters.sources.onnx_model import describe_inputs, open_onnx_file

_OPSET = 18


@dataclass(frozen=True)
class TorchSource:
    """A model that PyTorch runs.

    Attributes:
        program: torch.export.ExportedProgram.
        inputs: What it takes, by the names that the ONNX model has.
        outputs: Names of what it gives.
    """

    program: Any
    inputs: tuple[TensorDescription, ...]
    outputs: tuple[str, ...]

    def run(self, examples: Path) -> dict[str, Tensor]:
        """See Source.run."""
        import torch  # noqa: PLC0415 -- takes seconds

        module = self.program.module()
        names = tuple(d.name for d in self.inputs)
        ranks = tuple(len(d.shape) for d in self.inputs)

        def results() -> Iterator[dict[str, Tensor]]:
            for feed in load_examples(examples, names, ranks):
                tensors = [torch.from_numpy(np.asarray(feed[d.name], d.dtype)) for d in self.inputs]
                with torch.no_grad():
                    flat, _ = torch.utils._pytree.tree_flatten(module(*tensors))
                yield dict(zip(self.outputs, (t.numpy() for t in flat), strict=True))

        return stack_outputs(results())


def open_program(path: Path, shapes: Shapes, *, is_pickle: bool) -> Any:
    """Reads an exported program (.pt2), or a pickled module, whose maker is trusted.

    Args:
        path: The file.
        shapes: Lengths of the inputs' axes, without the batch; a pickled module needs them.
        is_pickle: It is a pickled module.

    Raises:
        ConversionError: It is neither, or cannot be exported.
    """
    import torch  # noqa: PLC0415 -- takes seconds

    try:
        if not is_pickle:
            return torch.export.load(str(path))
        module = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise ConversionError(
            f"PyTorch cannot read {path.name}: save it with torch.export.save(torch.export.export("
            "model, (example,)), FILE.pt2)."
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise ConversionError(
            f"{path.name} holds weights and no model: save it with torch.export.save(torch.export"
            ".export(model, (example,)), FILE.pt2)."
        )
    if not shapes:
        raise ConversionError(
            f"{path.name} does not say what it takes: give --shape, such as --shape 3,224,224."
        )
    examples = tuple(torch.zeros(1, *lengths) for lengths in shapes.values())
    return torch.export.export(module.eval(), examples)


def export_torch(program: Any) -> Any:
    """Writes an exported program as an ONNX ModelProto.

    Raises:
        ConversionError: It has what ONNX has not.
    """
    import torch  # noqa: PLC0415 -- takes seconds

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            torch.onnx.export(
                program,
                (),
                str(path),
                dynamo=True,
                external_data=False,
                opset_version=_OPSET,
                output_names=_output_names(program),
                verbose=False,
            )
        except Exception as error:
            short = str(error).strip().partition("\n")[0][:200]
            raise ConversionError(
                f"The PyTorch model cannot be written as ONNX ({short}): replace what it names."
            ) from error
        model = open_onnx_file(path, {})
    _forget_origins(model)
    return model


def _forget_origins(model: Any) -> None:
    """Removes what the exporter tells of the code that it came from, paths of files among it."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for place in (*graph.input, *graph.output):
        place.ClearField("metadata_props")


def _output_names(program: Any) -> list[str] | None:
    """Returns the keys of a module that gives a dictionary, which the exporter forgets."""
    import torch  # noqa: PLC0415 -- takes seconds

    spec = program.call_spec.out_spec
    numbered = torch.utils._pytree.tree_unflatten(list(range(spec.num_leaves)), spec)
    if not isinstance(numbered, dict) or not all(isinstance(n, int) for n in numbered.values()):
        return None
    return sorted(map(str, numbered), key=lambda key: int(numbered[key]))


def open_torch(path: Path, shapes: Shapes, *, is_pickle: bool) -> TorchSource:
    """Opens a PyTorch model to run it; see open_program."""
    program = open_program(path, shapes, is_pickle=is_pickle)
    model = export_torch(program)
    return TorchSource(
        program, describe_inputs(model), tuple(value.name for value in model.graph.output)
    )
