"""Converted files, run as the device runs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor
from lintel.converters.files import digest
from lintel.converters.precision import format_of
from lintel.edge.backends import Session, open_session
from lintel.edge.config import ModelSettings
from lintel.edge.errors import LintelError
from lintel.edge.packages import Manifest, Package, Variant


class Scale(NamedTuple):
    """How integers stand for real numbers: (integer - zero) * step."""

    step: float
    zero: int


class DeviceModel:
    """A converted file in the session that the device would open.

    It takes and gives real numbers: integers at a model's ends are translated.
    """

    def __init__(self, file: Path, threads: int) -> None:
        """Opens a .tflite, .onnx or .json file.

        Raises:
            ConversionError: The device cannot run it.
        """
        self.format = format_of(file)
        variant = Variant(
            name="candidate", backend=self.format, file=file.name, sha256=digest(file)
        )
        manifest = Manifest(
            name="candidate", version="0.0.0", task="tensor", licence="none", variants=(variant,)
        )
        try:
            self.session: Session = open_session(
                Package(file.parent, manifest), variant, ModelSettings(threads=threads)
            )
        except LintelError as error:
            raise ConversionError(
                f"{file.name} does not load on the device ({error.message.rstrip('.')}): try"
                " another precision or format."
            ) from error
        self._scales = _scales(file) if self.format == "litert" else {}

    def feed(self, example: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Brings an example into the types that the session takes."""
        ready = {}
        for spec in self.session.inputs:
            value = example[spec.name]
            scale = self._scales.get(spec.name)
            if scale is not None and value.dtype.kind == "f":
                limits = np.iinfo(spec.dtype)
                value = np.rint(value / scale.step + scale.zero).clip(limits.min, limits.max)
            ready[spec.name] = np.ascontiguousarray(value, spec.dtype)
        return ready

    def run(self, feed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Runs a feed of `feed`; outputs are real numbers again.

        Raises:
            ConversionError: The model fails on it.
        """
        try:
            results = self.session.run(feed)
        except LintelError as error:
            raise ConversionError(
                f"The converted model fails on an example ({error.message.rstrip('.')})."
            ) from error
        return {name: self._real(name, value) for name, value in results.items()}

    def _real(self, name: str, value: Tensor) -> Tensor:
        scale = self._scales.get(name)
        if scale is None:
            return value
        return np.asarray((value.astype(np.float32) - scale.zero) * np.float32(scale.step))


def _scales(file: Path) -> dict[str, Scale]:
    """Returns the scales of the integers at the ends of a TensorFlow Lite file."""
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 -- large

    model = schema.ModelT.InitFromPackedBuf(file.read_bytes(), 0)
    graph = model.subgraphs[0]
    places: list[tuple[bytes, int]] = []
    for signature in (model.signatureDefs or [])[:1]:
        for entry in [*signature.inputs, *signature.outputs]:
            places.append((entry.name, entry.tensorIndex))
    found = {}
    for name, index in places:
        tensor: Any = graph.tensors[index]
        quantization = tensor.quantization
        if quantization is not None and quantization.scale is not None:
            step, zero = float(quantization.scale[0]), int(quantization.zeroPoint[0])
            found[name.decode()] = Scale(step, zero)
    return found
