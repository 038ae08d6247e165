"""Tensors within converted models, which the device has no use for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.cli.names import listed, shown
from lintel.edge.packages import Package, Variant
from lintel.lab.errors import LabError

Tensor = NDArray[Any]
Run = Callable[[Tensor], Tensor]


def open_tensor(package: Package, variant: Variant, name: str) -> Run:
    """Opens a variant of a package so that a tensor of it can be read.

    Args:
        package: The package.
        variant: One of its variants, of LiteRT or ONNX.
        name: Of the tensor; of outputs the name that the manifest knows will do.

    Returns:
        What gives the tensor, in real numbers, for the model's only input.

    Raises:
        LabError: There is no such tensor.
    """
    path = package.folder / variant.file
    return _open_onnx(path, name) if variant.backend == "onnx" else _open_litert(path, name)


def _open_litert(path: Path, name: str) -> Run:
    from ai_edge_litert import interpreter as litert  # noqa: PLC0415 -- as the device does

    interpreter = litert.Interpreter(
        model_path=str(path),
        num_threads=1,
        # What is fused or delegated leaves nothing to read.
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=(litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES),
    )
    interpreter.allocate_tensors()
    signature = interpreter.get_signature_runner()
    given = signature.get_input_details()
    outputs = signature.get_output_details()
    details = {detail["name"]: detail for detail in interpreter.get_tensor_details()}
    details |= outputs
    if name not in details:
        raise _unknown(name, [each for each in details if each])
    detail = details[name]

    def run(tensor: Tensor) -> Tensor:
        [place] = given.values()
        interpreter.set_tensor(place["index"], tensor)
        interpreter.invoke()
        values = interpreter.get_tensor(detail["index"])
        scales = detail["quantization_parameters"]
        if not len(scales["scales"]):
            return np.asarray(values)
        real = (values.astype(np.float32) - scales["zero_points"]) * scales["scales"]
        return np.asarray(real, np.float32)

    return run


def _open_onnx(path: Path, name: str) -> Run:
    import onnxruntime  # noqa: PLC0415 -- as the device does

    try:
        import onnx  # noqa: PLC0415 -- only here
    except ModuleNotFoundError as error:
        raise LabError(
            "Tensors of ONNX models need onnx: pip install 'lintel[convert]'."
        ) from error

    model = onnx.load_model(path)
    names = [name for node in model.graph.node for name in node.output]
    if name not in names:
        raise _unknown(name, names)
    if name not in {output.name for output in model.graph.output}:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    [place] = session.get_inputs()

    def run(tensor: Tensor) -> Tensor:
        return np.asarray(session.run([name], {place.name: tensor})[0])

    return run


def _unknown(name: str, names: list[str]) -> LabError:
    # The last are the nearest to the output, and the likeliest to be meant.
    return LabError(f"The model has no tensor {shown(name)}; it has {listed(names[::-1])}.")
