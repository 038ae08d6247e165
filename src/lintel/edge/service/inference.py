"""inference.GRPCInferenceService: the Open Inference Protocol, for every model with tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version

import grpc

from lintel.edge.errors import LintelError, ModelNotFoundError, ModelUnavailableError
from lintel.edge.runtime import LoadedModel, Runtime
from lintel.edge.service.admission import ensure_wanted
from lintel.edge.service.tensor_models import TensorModel, has_tensors
from lintel.inference import open_inference_pb2 as protocol
from lintel.inference import open_inference_pb2_grpc

EXTENSIONS = ("model_repository", "model_configuration", "statistics")
# A call without a deadline reports one of centuries, more than locks can wait.
LONGEST_WAIT_S = 86_400.0


class InferenceServicer(open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Serves the models' tensors.

    Args:
        runtime: Holds the models.
        is_ready: Tells whether the device takes work.
    """

    def __init__(self, runtime: Runtime, is_ready: Callable[[], bool]) -> None:
        self._runtime = runtime
        self._is_ready = is_ready
        self._seen: dict[str, tuple[LoadedModel, TensorModel | None]] = {}
        self._version = version("lintel")

    def ServerLive(  # noqa: N802 - the contract's name
        self, request: protocol.ServerLiveRequest, context: grpc.ServicerContext
    ) -> protocol.ServerLiveResponse:
        """Says that the device answers."""
        return protocol.ServerLiveResponse(live=True)

    def ServerReady(  # noqa: N802 - the contract's name
        self, request: protocol.ServerReadyRequest, context: grpc.ServicerContext
    ) -> protocol.ServerReadyResponse:
        """Tells whether the device takes work."""
        return protocol.ServerReadyResponse(ready=self._is_ready())

    def ModelReady(  # noqa: N802 - the contract's name
        self, request: protocol.ModelReadyRequest, context: grpc.ServicerContext
    ) -> protocol.ModelReadyResponse:
        """Tells whether a model takes work; one that is unknown does not."""
        try:
            self._find(request.name, request.version)
        except (ModelNotFoundError, ModelUnavailableError):
            return protocol.ModelReadyResponse(ready=False)
        return protocol.ModelReadyResponse(ready=self._is_ready())

    def ServerMetadata(  # noqa: N802 - the contract's name
        self, request: protocol.ServerMetadataRequest, context: grpc.ServicerContext
    ) -> protocol.ServerMetadataResponse:
        """Describes the device."""
        return protocol.ServerMetadataResponse(
            name="lintel", version=self._version, extensions=EXTENSIONS
        )

    def ModelMetadata(  # noqa: N802 - the contract's name
        self, request: protocol.ModelMetadataRequest, context: grpc.ServicerContext
    ) -> protocol.ModelMetadataResponse:
        """Describes a model's tensors."""
        return self._find(request.name, request.version).write_metadata()

    def ModelConfig(  # noqa: N802 - the contract's name
        self, request: protocol.ModelConfigRequest, context: grpc.ServicerContext
    ) -> protocol.ModelConfigResponse:
        """Describes a model as its configuration would."""
        config = self._find(request.name, request.version).write_config()
        return protocol.ModelConfigResponse(config=config)

    def ModelStatistics(  # noqa: N802 - the contract's name
        self, request: protocol.ModelStatisticsRequest, context: grpc.ServicerContext
    ) -> protocol.ModelStatisticsResponse:
        """Tells how often one model or every model ran."""
        models = [self._find(request.name, request.version)] if request.name else self._all()
        return protocol.ModelStatisticsResponse(
            model_stats=[model.write_statistics() for model in models]
        )

    def RepositoryIndex(  # noqa: N802 - the contract's name
        self, request: protocol.RepositoryIndexRequest, context: grpc.ServicerContext
    ) -> protocol.RepositoryIndexResponse:
        """Lists the models with tensors, and whatever is on the device and can't be used."""
        models = [
            protocol.RepositoryIndexResponse.ModelIndex(
                name=model.name, version=model.version, state="READY"
            )
            for model in self._all()
        ]
        if not request.ready:
            models += [
                protocol.RepositoryIndexResponse.ModelIndex(
                    name=name, state="UNAVAILABLE", reason=error.message
                )
                for name, error in sorted(self._runtime.broken.items())
            ]
        return protocol.RepositoryIndexResponse(models=models)

    def ModelInfer(  # noqa: N802 - the contract's name
        self, request: protocol.ModelInferRequest, context: grpc.ServicerContext
    ) -> protocol.ModelInferResponse:
        """Runs a model once."""
        model = self._find(request.model_name, request.model_version, "model_")
        feeds = model.read_inputs(request)
        wanted = model.read_wanted(request)
        remaining = context.time_remaining()
        timeout_s = None if remaining is None else min(remaining, LONGEST_WAIT_S)
        results = model.loaded.infer(feeds, timeout_s)
        return model.write_response(request.id, wanted, results)

    def ModelStreamInfer(  # noqa: N802 - the contract's name
        self,
        request_iterator: Iterator[protocol.ModelInferRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[protocol.ModelStreamInferResponse]:
        """Runs models in the order of the requests, one at a time.

        The number of streams is bounded, and they share the models' sessions with unary calls.
        """
        for request in request_iterator:
            ensure_wanted(context)
            try:
                answer = protocol.ModelStreamInferResponse(
                    infer_response=self.ModelInfer(request, context)
                )
            except LintelError as error:
                answer = protocol.ModelStreamInferResponse(
                    error_message=error.message,
                    infer_response=protocol.ModelInferResponse(id=request.id),
                )
            yield answer

    def _find(self, name: str, model_version: str, prefix: str = "") -> TensorModel:
        """Finds a model; an empty version means the one that the device holds.

        Args:
            name: Of the model.
            model_version: Its version or "".
            prefix: Of the names of both in the request.

        Raises:
            ModelNotFoundError: There is none of that name and version, or it has no tensors.
            ModelUnavailableError: There is one, and it is broken.
        """
        loaded = self._runtime.models.get(name)
        model = self._tensors_of(loaded) if loaded is not None else None
        if model is None and name in self._runtime.broken:
            raise ModelUnavailableError("The model is broken; the repository index says why.")
        if model is None:
            raise ModelNotFoundError(
                "No model of that name has tensors to serve.", field=f"{prefix}name"
            )
        if model_version and model_version != model.version:
            raise ModelNotFoundError(
                f"The device holds version {model.version} of the model.", field=f"{prefix}version"
            )
        return model

    def _all(self) -> list[TensorModel]:
        """Returns the models with tensors, by name."""
        loaded = sorted(self._runtime.models.items())
        models = (self._tensors_of(model) for _, model in loaded)
        return [model for model in models if model is not None]

    def _tensors_of(self, loaded: LoadedModel) -> TensorModel | None:
        """Returns a model as the protocol sees it, None where it can't be seen so."""
        name = loaded.package.name
        seen = self._seen.get(name)
        if seen is None or seen[0] is not loaded:
            seen = (loaded, TensorModel(loaded) if has_tensors(loaded) else None)
            self._seen[name] = seen
        return seen[1]
