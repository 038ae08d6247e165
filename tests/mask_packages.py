"""Model packages that judge masks by colour: small real networks whose verdict a test knows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.builders import Network, build_onnx, build_tflite

from lintel.edge.packages import MASK_LABELS

# Which channel each label is told by, in a picture of blue, green and red.
BLUE, GREEN, RED = 0, 1, 2
CHANNELS = {"with_mask": GREEN, "without_mask": RED, "incorrect_mask": BLUE}
SIDE = 16
# Logits between a channel at 255 and one at 0.
SLOPE = 24.0


def colour_network(
    labels: tuple[str, ...] = MASK_LABELS, *, takes_bytes: bool = True, gives_logits: bool = True
) -> Network:
    """Returns a network that sees blue, green and red, and tells of each label by its channel.

    A logit is SLOPE / 255 times the mean of its channel, with a constant taken off that softmax
    passes over.
    """
    weights = np.zeros((3, len(labels)), np.float32)
    for column, label in enumerate(labels):
        weights[CHANNELS[label], column] = SLOPE / 2
    bias = np.zeros(len(labels), np.float32)
    return Network(SIDE, takes_bytes, (), weights, bias, gives_logits)


def expected(colour: tuple[float, float, float], temperature: float = 1.0) -> NDArray[np.float64]:
    """Computes the probabilities of a face of one colour, in the order of MASK_LABELS."""
    logits = np.array([colour[CHANNELS[label]] for label in MASK_LABELS]) * SLOPE / 255
    powers = np.exp((logits - logits.max()) / temperature)
    return np.asarray(powers / powers.sum())


def plain(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Returns a picture of one colour: blue, green and red."""
    return np.full((height, width, 3), colour, np.uint8)


def write_mask_package(
    directory: Path,
    name: str = "mask",
    network: Network | None = None,
    *,
    backend: str = "litert",
    model: bytes = b"",
    labels: tuple[str, ...] = MASK_LABELS,
    input_keys: str = "",
    output_keys: str = "",
) -> Path:
    """Writes a package with one variant, and returns its folder.

    Args:
        directory: The folder of packages.
        name: Of the model.
        network: It; None: that of `colour_network`.
        backend: "litert" or "onnx".
        model: The file, instead of the network's.
        labels: In the network's order.
        input_keys: More lines of [input].
        output_keys: More lines of [output].
    """
    network = network or colour_network(labels)
    model = model or (build_tflite(network) if backend == "litert" else build_onnx(network))
    tensor, activation = (
        ("logits", "softmax") if network.gives_logits else ("probabilities", "none")
    )
    quoted = ", ".join(f'"{label}"' for label in labels)
    folder = directory / name
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(model)
    (folder / "model.toml").write_text(f"""
name = "{name}"
version = "1.0.0"
task = "classify-masks"
licence = "CC0-1.0"
[input]
size = [{network.side}, {network.side}]
colour = "bgr"
dtype = "{"uint8" if network.takes_bytes else "float32"}"
resize = "stretch"
{input_keys}
[output]
decoder = "classes"
labels = [{quoted}]
probabilities = "{tensor}"
activation = "{activation}"
{output_keys}
[[variant]]
name = "only"
backend = "{backend}"
file = "model.bin"
sha256 = "{hashlib.sha256(model).hexdigest()}"
""")
    return folder
