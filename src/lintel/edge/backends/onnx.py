"""ONNX models, run by ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from lintel.edge.backends.onnx_external_data import refuse_external_data
from lintel.edge.backends.session import Tensor, TensorSpec, check_feeds
from lintel.edge.errors import (
    InferenceFailedError,
    InvalidArgumentError,
    ModelUnavailableError,
    PackageInvalidError,
)

# What ONNX Runtime calls the types of tensors that NumPy knows.
_DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        "bool": np.dtype(np.bool_),
        "double": np.dtype(np.float64),
        "float": np.dtype(np.float32),
        "float16": np.dtype(np.float16),
        "string": np.dtype(object),
    }
    | {name: np.dtype(name) for name in ("int8", "int16", "int32", "int64")}
    | {name: np.dtype(name) for name in ("uint8", "uint16", "uint32", "uint64")}
)
_ERRORS_ONLY = 3
# The runtime's own format, which is no Protocol Buffers message and may have external data too.
_RUNTIME_FORMAT = b"ORTM"


class OnnxSession:
    """An ONNX model, ready to run."""

    def __init__(self, model: bytes, threads: int, providers: Sequence[str]) -> None:
        """Opens a model.

        Args:
            model: The .onnx file.
            threads: Threads of one inference.
            providers: Execution providers, best first; those that are not there are passed over.

        Raises:
            PackageInvalidError: It is not a model, has external data, or is one that the runtime
                cannot run.
            ModelUnavailableError: None of the providers is there.
            ImportError: The runtime is not installed.
        """
        import onnxruntime  # noqa: PLC0415 -- a device may do without it

        available = set(onnxruntime.get_available_providers())
        usable = [provider for provider in providers if provider in available]
        if not usable:
            raise ModelUnavailableError("None of the execution providers asked for is there.")
        if model[4:8] == _RUNTIME_FORMAT:
            raise PackageInvalidError("The model file is not an ONNX model.")
        refuse_external_data(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # An arena keeps what the largest input ever took.
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=usable)
            # Names that are not UTF-8 are told only when they are read.
            self.inputs = tuple(_spec(argument) for argument in self._session.get_inputs())
            self.outputs = tuple(_spec(argument) for argument in self._session.get_outputs())
        except PackageInvalidError:
            raise
        except Exception as error:
            raise PackageInvalidError("The model file cannot be run by ONNX Runtime.") from error

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See Session.run."""
        check_feeds(feeds, self.inputs)
        ready = {name: _decode(name, feed) for name, feed in feeds.items()}
        names = [spec.name for spec in self.outputs]
        try:
            results = self._session.run(names, ready)
        except Exception as error:
            raise InferenceFailedError("The model failed on this input.") from error
        return {name: _encode(result) for name, result in zip(names, results, strict=True)}


def _spec(argument: Any) -> TensorSpec:
    kind = re.fullmatch(r"tensor\((\w+)\)", argument.type)
    if kind is None or kind[1] not in _DTYPES:
        raise PackageInvalidError("The ONNX model takes or gives what is no tensor of NumPy's.")
    # Lengths that are free have a name, or None.
    shape = (length if isinstance(length, int) else -1 for length in argument.shape)
    return TensorSpec(argument.name, _DTYPES[kind[1]], tuple(shape))


def _decode(name: str, feed: Tensor) -> Tensor:
    """Turns strings, which are bytes everywhere else, into the text that the runtime takes."""
    if feed.dtype != object:
        return feed
    try:
        texts = [bytes(value).decode("utf-8") for value in feed.flat]
    except (UnicodeDecodeError, TypeError) as error:
        raise InvalidArgumentError(
            f"The strings of the input {name} must be UTF-8.", field=f"inputs.{name}"
        ) from error
    return np.array(texts, dtype=object).reshape(feed.shape)


def _encode(result: Tensor) -> Tensor:
    if result.dtype != object:
        return result
    texts = [str(value).encode("utf-8") for value in result.flat]
    return np.array(texts, dtype=object).reshape(result.shape)
