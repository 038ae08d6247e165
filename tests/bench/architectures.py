"""Converts the architectures that people bring, of random weights, from .h5 and from .keras.

    python -m tests.bench.architectures [NAME...]

A row a file, a cell a variant: seconds of the conversion, megabytes, and the largest difference
from the source as a share of the range of its outputs, on examples not calibrated with. The
networks end in logits: a softmax of random weights would hide what is lost. Takes an hour on two
cores, and 6 GB of memory; smaller networks come first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lintel.converters import ConversionError, SourceModel
from lintel.converters.device import DeviceModel
from lintel.converters.examples import stack_outputs
from lintel.converters.workshop import Workshop

VARIANTS = (
    "float32.tflite",
    "float16.tflite",
    "dynamic.tflite",
    "int8.tflite",
    "float32.onnx",
    "int8.onnx",
)
EXAMPLES = 8


def _plain(kit: Any, side: int, widths: tuple[int, ...], normalise: bool) -> Any:
    """A Sequential of convolutions, pools and two dense layers."""
    layers = [kit.Input((side, side, 3)), kit.layers.Rescaling(1 / 255)]
    for width in widths:
        layers.append(kit.layers.Conv2D(width, 3, padding="same", activation="relu"))
        layers += [kit.layers.BatchNormalization()] if normalise else []
        layers.append(kit.layers.MaxPooling2D())
    layers += [
        kit.layers.Flatten(),
        kit.layers.Dropout(0.5),
        kit.layers.Dense(128, activation="relu"),
        kit.layers.Dense(10),
    ]
    return kit.Sequential(layers)


def _headed(name: str, side: int) -> Callable[[Any], Any]:
    """A network of Keras's own with a new head."""

    def build(kit: Any) -> Any:
        base = getattr(kit.applications, name)(
            include_top=False, weights=None, input_shape=(side, side, 3)
        )
        value = kit.layers.GlobalAveragePooling2D()(base.output)
        return kit.Model(base.input, kit.layers.Dense(10)(value))

    return build


def _recurrent(kit: Any) -> Any:
    layers = [
        kit.Input((24, 4)),
        kit.layers.LSTM(64, return_sequences=True),
        kit.layers.LSTM(32),
        kit.layers.Dense(1),
    ]
    return kit.Sequential(layers)


NETWORKS: dict[str, Callable[[Any], Any]] = {
    "LSTM": _recurrent,
    "CNN-32": lambda kit: _plain(kit, 32, (32, 64), normalise=False),
    "CNN-64": lambda kit: _plain(kit, 64, (32, 64, 128), normalise=True),
    "CNN-128": lambda kit: _plain(kit, 128, (32, 64, 128, 128), normalise=True),
    "MobileNetV2": _headed("MobileNetV2", 224),
    "ResNet50": _headed("ResNet50", 224),
    "InceptionV3": _headed("InceptionV3", 299),
    "VGG16": _headed("VGG16", 224),
    "VGG19": _headed("VGG19", 224),
}


def build(name: str, folder: Path) -> None:
    """Saves a network as the Keras of today and that of 2023 do."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tf_keras

    for kit, suffix in ((tf_keras, ".h5"), (keras, ".keras")):
        kit.utils.set_random_seed(0)
        model = NETWORKS[name](kit)
        _settle(model)
        model.save(folder / f"{name}{suffix}")


def _settle(model: Any) -> None:
    """Has normalisations see pictures: in a new network signals die away from layer to layer."""
    normalising = [layer for layer in model.layers if hasattr(layer, "moving_variance")]
    if not normalising:
        return
    usual = normalising[0].momentum
    for layer in normalising:
        layer.momentum = 0.0
    shape = (4, *model.inputs[0].shape[1:])
    model(np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32), training=True)
    for layer in normalising:
        layer.momentum = usual


def main(names: list[str]) -> None:
    print(f"| network | source, MB | {' | '.join(VARIANTS)} |")
    print(f"|---|---|{'---|' * len(VARIANTS)}", flush=True)
    for name in names or NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
            command = [sys.executable, "-m", "tests.bench.architectures", "build", name, folder]
            subprocess.run(command, check=True, env=quiet, stderr=subprocess.DEVNULL)
            for suffix in (".h5", ".keras"):
                print(_row(Path(folder) / f"{name}{suffix}"), flush=True)


def _row(path: Path) -> str:
    random = np.random.default_rng(0)
    # A worker of its own gives its memory back.
    with Workshop() as workshop:
        source = SourceModel(path, workshop=workshop)
        (taken,), _ = source.describe()
        shape = (2 * EXAMPLES, *(length or 1 for length in taken.shape[1:]))
        top = 255 if len(shape) == 4 else 1
        examples = list(random.uniform(0, top, shape).astype(np.float32))
        held = examples[EXAMPLES:]
        (expected,) = source.run(held).values()
        cells = [f"{path.name}", f"{path.stat().st_size / 1e6:.1f}"]
        for variant in VARIANTS:
            try:
                made = source.convert(
                    path.with_name(variant), variant.partition(".")[0], examples[:EXAMPLES]
                )
            except ConversionError as error:
                cells.append(f"none: {error}")
                continue
            (given,) = _outputs(made.file, held).values()
            lost = float(np.abs(given - expected).max() / np.ptp(expected))
            cells.append(f"{made.seconds:.0f} s, {made.size_bytes / 1e6:.2f}, {lost:.1g}")
            made.file.unlink()
    return f"| {' | '.join(cells)} |"


def _outputs(file: Path, examples: list[Any]) -> dict[str, Any]:
    model = DeviceModel(file, 2)
    name = model.session.inputs[0].name
    return stack_outputs(model.run(model.feed({name: row[None]})) for row in examples)


if __name__ == "__main__":
    if sys.argv[1:2] == ["build"]:
        build(sys.argv[2], Path(sys.argv[3]))
    else:
        main(sys.argv[1:])
