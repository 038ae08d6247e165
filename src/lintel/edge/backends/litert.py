"""TensorFlow Lite models, run by LiteRT or by its predecessor tflite-runtime."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from lintel.edge.backends.session import Tensor, TensorSpec, check_feeds
from lintel.edge.errors import InferenceFailedError, PackageInvalidError

# Both packages have the same `interpreter` module.
RUNTIMES = ("ai_edge_litert", "tflite_runtime")
_IDENTIFIER = b"TFL3"
_GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
_STANDARD_ERROR = 2


def import_runtime() -> ModuleType:
    """Imports the first runtime that is installed.

    Raises:
        ImportError: None is, or it does not load.
    """
    for name in RUNTIMES[:-1]:
        try:
            return importlib.import_module(f"{name}.interpreter")
        except ModuleNotFoundError as error:
            if error.name not in {name, f"{name}.interpreter"}:
                raise
    return importlib.import_module(f"{RUNTIMES[-1]}.interpreter")


class LiteRtSession:
    """A TensorFlow Lite model, ready to run.

    Quantized tensors are taken and given as the integers that they are. A model with one
    signature is known by the names of that signature, others by the names of their tensors.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        """Opens a model.

        Args:
            model: The .tflite file.
            threads: Threads of one inference.

        Raises:
            PackageInvalidError: It is not one, or is one that the runtime cannot run.
            ImportError: No runtime is installed.
        """
        runtime = import_runtime()
        if model[4:8] != _IDENTIFIER:
            raise PackageInvalidError("The model file is not a TensorFlow Lite model.")
        try:
            with _without_greeting():
                self._interpreter = runtime.Interpreter(model_content=model, num_threads=threads)
                self._interpreter.allocate_tensors()
            inputs, outputs = self._details()
        except (ValueError, RuntimeError, TypeError) as error:
            raise PackageInvalidError("The model file cannot be run by LiteRT.") from error
        self._inputs = {name: detail["index"] for name, detail in inputs.items()}
        self._outputs = {name: detail["index"] for name, detail in outputs.items()}
        self._lengths = {name: tuple(detail["shape"]) for name, detail in inputs.items()}
        self.inputs = tuple(_spec(name, detail) for name, detail in inputs.items())
        self.outputs = tuple(_spec(name, detail) for name, detail in outputs.items())

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See Session.run."""
        check_feeds(feeds, self.inputs)
        try:
            self._resize(feeds)
            for name, index in self._inputs.items():
                self._interpreter.set_tensor(index, np.ascontiguousarray(feeds[name]))
            self._interpreter.invoke()
            return {
                name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()
            }
        except (ValueError, RuntimeError) as error:
            raise InferenceFailedError("The model failed on this input.") from error

    def _resize(self, feeds: Mapping[str, Tensor]) -> None:
        """Makes room for feeds of other lengths than those before."""
        changed = [name for name in self._inputs if feeds[name].shape != self._lengths[name]]
        for name in changed:
            self._interpreter.resize_tensor_input(self._inputs[name], feeds[name].shape)
        if changed:
            self._interpreter.allocate_tensors()
            self._lengths |= {name: feeds[name].shape for name in changed}

    def _details(self) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """Returns what is known of each input and each output, by name."""
        signatures = list(self._interpreter.get_signature_list())
        if len(signatures) == 1:
            runner = self._interpreter.get_signature_runner(signatures[0])
            return runner.get_input_details(), runner.get_output_details()
        return (
            {detail["name"]: detail for detail in self._interpreter.get_input_details()},
            {detail["name"]: detail for detail in self._interpreter.get_output_details()},
        )


@contextmanager
def _without_greeting() -> Iterator[None]:
    """Keeps the line that LiteRT greets with, for which it has no setting, off standard error.

    Whatever else is written there in the meantime comes a little later.
    """
    try:
        kept = os.fdopen(os.memfd_create("litert"), "w+b")
        told = os.fdopen(os.dup(_STANDARD_ERROR), "wb")
    except OSError:
        # There is none, as for some daemons.
        yield
        return
    with kept, told:
        os.dup2(kept.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(told.fileno(), _STANDARD_ERROR)
            kept.seek(0)
            told.writelines(line for line in kept if line.rstrip() != _GREETING)


def _spec(name: str, detail: dict[str, Any]) -> TensorSpec:
    kind = np.dtype(detail["dtype"])
    # A tensor of strings is told as a type of no length.
    dtype = np.dtype(object) if kind.kind in "SU" else kind
    # The shape is that of the first allocation, with 1 for lengths that are free.
    return TensorSpec(name, dtype, tuple(int(length) for length in detail["shape_signature"]))
