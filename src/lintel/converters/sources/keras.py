"""Keras models: the .keras files of Keras 3, and the .h5 files of all versions."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lintel.converters.errors import ConversionError
from lintel.converters.sources.graph import TensorDescription, TensorFlowGraph, plain_names

_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN"})
_CODE = frozenset({"Lambda", "__lambda__", "TFOpLambda"})
_OWN_MODULES = ("keras", "tf_keras", "tensorflow", "builtins", "numpy")


def open_keras(path: Path, *, trust: bool) -> TensorFlowGraph:
    """Reads a .keras file.

    Args:
        path: The file.
        trust: Run code that the file holds, such as that of Lambda layers.

    Raises:
        ConversionError: It holds code and is not trusted, or is no whole model.
    """
    import keras  # noqa: PLC0415 -- takes seconds

    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    refuse_code(config, path.name, trust=trust)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=not trust)
    except (ValueError, TypeError, KeyError) as error:
        raise _unreadable(path, error) from error
    return graph_of(model)


def open_keras_h5(path: Path, *, trust: bool) -> TensorFlowGraph:
    """Reads an .h5 file, with the Keras of its time.

    Args:
        path: The file.
        trust: Run code that the file holds.

    Raises:
        ConversionError: It holds code and is not trusted, or weights only.
    """
    import h5py  # noqa: PLC0415 -- only for this kind

    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        version = str(file.attrs.get("keras_version", "2"))
    if text is None:
        raise ConversionError(
            f"{path.name} holds weights only: build the model, load them into it, and save the"
            " whole with model.save()."
        )
    refuse_code(json.loads(text), path.name, trust=trust)
    if version.startswith("3"):
        import keras  # noqa: PLC0415 -- takes seconds
    else:
        import tf_keras as keras  # noqa: PLC0415 -- takes seconds
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=not trust)
    except (ValueError, TypeError, KeyError) as error:
        raise _unreadable(path, error) from error
    return graph_of(model)


def refuse_code(config: Any, name: str, *, trust: bool) -> None:
    """Refuses a model that is code, by its description alone.

    Raises:
        ConversionError: It has Lambda layers and is not trusted, or layers of its maker's own,
            whose code is not in the file.
    """
    for part in _parts(config):
        kind = part["class_name"]
        if kind in _CODE and not trust:
            raise ConversionError(
                f"{name} holds code (a {kind.strip('_')} layer), which would run here: give"
                " --trust if you know who made it, or replace the layer."
            )
        module = str(part.get("module") or "keras").partition(".")[0]
        registered = str(part.get("registered_name") or "")
        if module not in _OWN_MODULES or ">" in registered.replace("builtins>", ""):
            raise ConversionError(
                f"{name} has a layer of its maker's own ({kind}), whose code is not in the file:"
                " export the model where that code is with model.export(FOLDER), and convert the"
                " folder."
            )


def graph_of(model: Any) -> TensorFlowGraph:
    """Brings a Keras model, of either generation, into TensorFlow's form.

    Raises:
        ConversionError: It has no inputs yet.
    """
    structure = _structure(model, "input")
    if structure is None:
        raise ConversionError(
            "The model does not know the shape of its input: call it once on an example, save it"
            " again, and convert that."
        )
    inputs = _described(model, structure)

    def call(*tensors: Any) -> list[Any]:
        feed: Any = list(tensors)
        if isinstance(structure, dict):
            feed = dict(zip(structure, tensors, strict=True))
        elif not isinstance(structure, list | tuple):
            feed = tensors[0]
        result = model(feed, training=False)
        if isinstance(result, dict):
            return list(result.values())
        return list(result) if isinstance(result, list | tuple) else [result]

    config = _config(model)
    is_recurrent = any(part["class_name"] in _RECURRENT for part in _parts(config))
    unroll = (lambda: graph_of(_unrolled(model))) if is_recurrent else None
    return TensorFlowGraph(call, inputs, _output_names(model), unroll)


def _described(model: Any, structure: Any) -> tuple[TensorDescription, ...]:
    tensors = list(structure.values()) if isinstance(structure, dict) else list(model.inputs)
    names = list(structure) if isinstance(structure, dict) else [t.name for t in tensors]
    return tuple(
        TensorDescription(name, tuple(tensor.shape), _dtype_name(tensor))
        for name, tensor in zip(plain_names(names), tensors, strict=True)
    )


def _structure(model: Any, which: str) -> Any:
    """Returns the inputs or outputs as the model's maker arranged them; None: not known yet."""
    arranged = getattr(model, which, None)
    if arranged is not None:
        return arranged
    # Keras 3 arranges nothing for a Sequential.
    tensors = list(getattr(model, f"{which}s", None) or ())
    return tensors[0] if len(tensors) == 1 else tensors or None


def _dtype_name(tensor: Any) -> str:
    return str(getattr(tensor.dtype, "name", tensor.dtype))


def _output_names(model: Any) -> tuple[str, ...]:
    structure = _structure(model, "output")
    if isinstance(structure, dict):
        return plain_names(list(structure))
    count = len(model.outputs)
    names = getattr(model, "output_names", None)
    if names is None and count == 1:
        names = [model.layers[-1].name]
    return plain_names(list(names or (f"output_{index}" for index in range(count))))


def _unrolled(model: Any) -> Any:
    config = model.get_config()
    for part in _parts(config):
        if part["class_name"] in _RECURRENT:
            part["config"]["unroll"] = True
    clone = type(model).from_config(config)
    clone.set_weights(model.get_weights())
    return clone


def _config(model: Any) -> Any:
    try:
        return model.get_config()
    except NotImplementedError:
        # A model by inheritance, not by layers.
        return {}


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Yields every object that a configuration describes."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            yield config
        for value in config.values():
            yield from _parts(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _parts(value)


def _unreadable(path: Path, error: Exception) -> ConversionError:
    reason = str(error).strip().partition("\n")[0][:200]
    return ConversionError(
        f"Keras cannot read {path.name} ({reason}): save the whole model again with model.save(),"
        " or export it with model.export(FOLDER) and convert the folder."
    )
