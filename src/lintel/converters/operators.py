"""Which operators of a converted file miss the fast path of the runtime."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# What ONNX Runtime's CPU kernels compute in integers, once it has fused them.
_WORTH_QUANTIZING = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "FusedConv", "FusedGemm"})


def slow_operators(file: Path) -> dict[str, int]:
    """Counts the operators that miss the fast path, by kind.

    In LiteRT: those that XNNPACK did not take over. In ONNX Runtime: in a file that is quantized,
    those worth quantizing that run in float all the same.

    Args:
        file: A .tflite, .onnx or .json file; trees as XGBoost keeps them have no operators.
    """
    if file.suffix == ".json":
        return {}
    found = _litert(file) if file.suffix == ".tflite" else _onnx(file)
    return dict(sorted(found.items()))


def _litert(file: Path) -> Counter[str]:
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 -- takes memory

    interpreter = Interpreter(str(file), num_threads=1)
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    taken = _delegated(operators)
    return Counter(
        str(operator["op_name"])
        for index, operator in enumerate(operators)
        if index not in taken and operator["op_name"] != "DELEGATE"
    )


def _delegated(operators: Sequence[Mapping[str, Any]]) -> set[int]:
    """Returns the operators that a delegate stands for: what its outputs hang on, to its inputs."""
    makers = {
        int(output): index
        for index, operator in enumerate(operators)
        if operator["op_name"] != "DELEGATE"
        for output in operator["outputs"]
    }
    taken: set[int] = set()
    for operator in operators:
        if operator["op_name"] != "DELEGATE":
            continue
        borders = {int(value) for value in operator["inputs"]}
        left = [int(value) for value in operator["outputs"]]
        while left:
            index = makers.get(left.pop())
            if index is None or index in taken:
                continue
            taken.add(index)
            values = (int(value) for value in operators[index]["inputs"])
            left += [value for value in values if value not in borders]
    return taken


def _onnx(file: Path) -> Counter[str]:
    import onnxruntime  # noqa: PLC0415 -- takes memory

    with TemporaryDirectory() as folder:
        optimized = Path(folder) / "optimized.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = logging.ERROR // 10 - 1
        options.optimized_model_filepath = str(optimized)
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        kinds = _node_kinds(optimized)
    is_quantized = any("Linear" in kind or "Integer" in kind for kind in kinds)
    return Counter(
        {kind: n for kind, n in kinds.items() if is_quantized and kind in _WORTH_QUANTIZING}
    )


def _node_kinds(file: Path) -> Counter[str]:
    import onnx  # noqa: PLC0415 -- large

    return Counter(str(node.op_type) for node in onnx.load_model(file).graph.node)
