"""A model as the Open Inference Protocol sees it: what it takes and gives, and its messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InferenceFailedError, InvalidArgumentError, LintelError
from lintel.edge.runtime import LoadedModel
from lintel.edge.service.tensors import DATATYPES, TensorKind, read_contents, read_raw, write_raw
from lintel.inference import open_inference_pb2 as protocol

# By backend: models of others have no tensors of a fixed kind to speak of.
PLATFORMS = {"litert": "tensorflow_tflite", "onnx": "onnx_onnxv1"}
# Parameters that would change where tensors are or what they hold; others are only hints.
REFUSED_PARAMETERS = ("shared_memory_region", "classification")


def has_tensors(loaded: LoadedModel) -> bool:
    """Tells whether the protocol can speak of a model: of its backend and all its tensors."""
    specs = (*loaded.inputs, *loaded.outputs)
    return loaded.backend in PLATFORMS and all(spec.dtype.name in DATATYPES for spec in specs)


class TensorModel:
    """Reads requests for one model and writes its answers.

    All that doesn't change from call to call is worked out once: a call costs little more
    than the copies of its tensors.

    Args:
        loaded: The model, for which `has_tensors` must be true.

    Attributes:
        loaded: The model.
        name: Its name.
        version: Its version.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.name = loaded.package.name
        self.version = loaded.package.manifest.version
        self._inputs = {spec.name: TensorKind.of(spec) for spec in loaded.inputs}
        self._outputs = {spec.name: TensorKind.of(spec) for spec in loaded.outputs}
        self._all_outputs = tuple(self._outputs.values())

    def read_inputs(self, request: protocol.ModelInferRequest) -> dict[str, NDArray[Any]]:
        """Reads the inputs of a request, checked against the model.

        Returns:
            Read-only arrays by input name, each of the model's type and a shape that fits.

        Raises:
            InvalidArgumentError: `field` names the place, such as "inputs[0].shape".
        """
        raw = request.raw_input_contents
        feeds: dict[str, NDArray[Any]] = {}
        if raw and len(raw) != len(request.inputs):
            raise InvalidArgumentError(
                f"There are {len(raw)} raw contents for {len(request.inputs)} inputs.",
                field="raw_input_contents",
            )
        for index, tensor in enumerate(request.inputs):
            try:
                kind = self._input(tensor)
                if kind.name in feeds:
                    raise InvalidArgumentError(
                        f'The input "{kind.name}" is given twice.', field="name"
                    )
                shape = tuple(tensor.shape)
                if raw:
                    feeds[kind.name] = read_raw(kind, shape, raw[index])
                else:
                    feeds[kind.name] = read_contents(kind, shape, tensor.contents)
                if raw and tensor.HasField("contents"):
                    raise InvalidArgumentError(
                        f'The input "{kind.name}" has both raw and typed contents.',
                        field="contents",
                    )
            except LintelError as error:
                # What is wrong with no field of the input itself is wrong with its raw contents.
                place = "inputs" if error.field else "raw_input_contents"
                raise error.at(f"{place}[{index}]") from error.__cause__
        if len(feeds) < len(self._inputs):
            missing = [name for name in self._inputs if name not in feeds]
            raise InvalidArgumentError(f"The model also needs {_quoted(missing)}.", field="inputs")
        return feeds

    def read_wanted(self, request: protocol.ModelInferRequest) -> tuple[TensorKind, ...]:
        """Reads which outputs are wanted, in the order wanted.

        Raises:
            InvalidArgumentError: An output is unknown, asked for twice, or not as a tensor.
        """
        if not request.outputs:
            return self._all_outputs
        wanted: dict[str, TensorKind] = {}
        for index, output in enumerate(request.outputs):
            field = f"outputs[{index}]"
            kind = self._outputs.get(output.name)
            if kind is None:
                raise InvalidArgumentError(
                    f"The model has no such output; it gives {_quoted(self._outputs)}.",
                    field=f"{field}.name",
                )
            if kind.name in wanted:
                raise InvalidArgumentError(
                    f'The output "{kind.name}" is asked for twice.', field=f"{field}.name"
                )
            _refuse_parameters(output.parameters, field)
            wanted[kind.name] = kind
        return tuple(wanted.values())

    def write_response(
        self, request_id: str, wanted: tuple[TensorKind, ...], results: Mapping[str, NDArray[Any]]
    ) -> protocol.ModelInferResponse:
        """Writes the answer to a request, with raw contents.

        Args:
            request_id: As sent.
            wanted: From `read_wanted`.
            results: What the model gave, by output name.

        Raises:
            InferenceFailedError: The model did not give what it promised.
        """
        response = protocol.ModelInferResponse(
            model_name=self.name, model_version=self.version, id=request_id
        )
        for kind in wanted:
            array = results.get(kind.name)
            if array is None:
                raise InferenceFailedError("The model did not give an output that it promised.")
            response.outputs.add(name=kind.name, datatype=kind.datatype.name, shape=np.shape(array))
            response.raw_output_contents.append(write_raw(kind, array))
        return response

    def write_metadata(self) -> protocol.ModelMetadataResponse:
        """Describes the model's tensors."""
        return protocol.ModelMetadataResponse(
            name=self.name,
            versions=[self.version],
            platform=PLATFORMS[self.loaded.backend],
            inputs=[_metadata(kind) for kind in self._inputs.values()],
            outputs=[_metadata(kind) for kind in self._all_outputs],
        )

    def write_config(self) -> protocol.ModelConfig:
        """Describes the model in the words of Triton's configuration files."""
        group = protocol.ModelInstanceGroup(
            kind=protocol.ModelInstanceGroup.KIND_AUTO, count=self.loaded.pool_size
        )
        return protocol.ModelConfig(
            name=self.name,
            platform=PLATFORMS[self.loaded.backend],
            backend=self.loaded.backend,
            input=[
                protocol.ModelInput(name=kind.name, data_type=kind.datatype.config, dims=kind.shape)
                for kind in self._inputs.values()
            ],
            output=[
                protocol.ModelOutput(
                    name=kind.name, data_type=kind.datatype.config, dims=kind.shape
                )
                for kind in self._all_outputs
            ],
            instance_group=[group],
        )

    def write_statistics(self) -> protocol.ModelStatistics:
        """Tells how often the model ran and how long that took."""
        counters = self.loaded.counters
        succeeded = counters.success_count
        return protocol.ModelStatistics(
            name=self.name,
            version=self.version,
            last_inference=counters.last_inference_ms,
            inference_count=succeeded,
            execution_count=succeeded,
            inference_stats=protocol.InferStatistics(
                success=_duration(succeeded, counters.queue_ns + counters.compute_ns),
                fail=_duration(counters.failure_count, 0),
                queue=_duration(succeeded, counters.queue_ns),
                compute_infer=_duration(succeeded, counters.compute_ns),
            ),
        )

    def _input(self, tensor: protocol.ModelInferRequest.InferInputTensor) -> TensorKind:
        """Finds what the model says of an input, and checks its datatype."""
        kind = self._inputs.get(tensor.name)
        if kind is None:
            raise InvalidArgumentError(
                f"The model has no such input; it takes {_quoted(self._inputs)}.", field="name"
            )
        if tensor.datatype != kind.datatype.name:
            raise InvalidArgumentError(
                f'The input "{kind.name}" is to be {kind.datatype.name}.', field="datatype"
            )
        _refuse_parameters(tensor.parameters, "")
        return kind


def _refuse_parameters(parameters: Mapping[str, Any], field: str) -> None:
    if not parameters:
        return
    for name in REFUSED_PARAMETERS:
        if name in parameters:
            raise InvalidArgumentError(
                f"The parameter {name} is not served: tensors travel whole, in the messages.",
                field=f"{field}.parameters".lstrip("."),
            )


def _metadata(kind: TensorKind) -> protocol.ModelMetadataResponse.TensorMetadata:
    return protocol.ModelMetadataResponse.TensorMetadata(
        name=kind.name, datatype=kind.datatype.name, shape=kind.shape
    )


def _duration(count: int, nanoseconds: int) -> protocol.StatisticDuration:
    return protocol.StatisticDuration(count=count, ns=nanoseconds)


def _quoted(names: Mapping[str, Any] | list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
