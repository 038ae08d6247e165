"""The networks that tell of a face whether it wears a mask, by name.

All take float32 (B, S, S, 3), blue, green, red from 0 to 255, and give the logits of the classes,
(B, C). "mask" is the one that is released: written for int8 on small CPUs. "lenet", "plain-...",
"wide-2conv" and "conv3-128" are the networks that beginners' projects train from scratch (Y. LeCun
et al., Gradient-Based Learning Applied to Document Recognition, 1998, and its like), with batch
normalisation left out as they do. The rest are Keras's own with a new head, for transfer learning:
their weights are given as a file, as nothing is downloaded, and all of them are trained on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

Tensor = Any

SCALE = 1 / 255
BACKBONE = "backbone"
"""Name of the part of a network whose weights may be given."""
STEM = (8, 24)
STAGES = ((48, 2), (128, 3), (160, 2))
"""Channels of the released network's first convolutions, and channels and residual blocks of its
stages at strides 8 to 32: those of the face detector, which has learnt what faces look like."""
HEAD = 256
"""Channels of its last convolution, over which it averages."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network by name.

    Attributes:
        build: Makes features of a picture: takes the input, a width multiplier, and a dropout.
        defaults: Settings that suit it, where they are not the training's own.
        load: Gives a network weights from a file; None: it takes none.
    """

    build: Callable[[Tensor, float, float], Tensor]
    defaults: dict[str, Any]
    load: Callable[[keras.Model, Path], None] | None = None


def build_network(
    name: str,
    size: int,
    classes: int = 3,
    *,
    width: float = 1.0,
    dropout: float = 0.2,
    weights: Path | None = None,
) -> keras.Model:
    """Makes a network.

    Args:
        name: One of ARCHITECTURES.
        size: Width and height of its pictures in pixels.
        classes: How many logits it gives.
        width: Multiplies its channels; networks of Keras's own are as they are.
        dropout: Share of features that are left out in training.
        weights: A file of weights for the backbone: a `.keras` model or `.weights.h5` (or `.h5`)
            as `keras.applications` has it without its top.

    Raises:
        ValueError: The weights are not of this network, or it takes none.
    """
    architecture = ARCHITECTURES[name]
    picture = keras.Input((size, size, 3), name="picture")
    features = architecture.build(picture, width, dropout)
    logits = layers.Dense(classes, name="logits")(features)
    network = keras.Model(picture, logits, name=name)
    if weights is not None and architecture.load is None:
        raise ValueError(f"{name} takes no weights: it is trained from scratch.")
    if weights is not None:
        architecture.load(network, weights)
    return network


def build_released(trained: keras.Model) -> keras.Model:
    """Makes what is converted of "mask": the scaling of its input is one with the first kernel.

    Args:
        trained: What `build_network` made, with its weights.

    Returns:
        A model that gives the same logits of the same pictures.
    """
    picture = keras.Input(trained.input_shape[1:], name="picture")
    channels = trained.get_layer("stage_0").output.shape[-1]
    features = _features(picture, channels / STAGES[0][0], 0.0)
    logits = layers.Dense(trained.output_shape[-1], name="logits")(features)
    released = keras.Model(picture, logits, name="mask")
    kernel, *others = trained.get_weights()
    released.set_weights([kernel * SCALE, *others])
    return released


def _mask(picture: Tensor, width: float, dropout: float) -> Tensor:
    return _features(layers.Rescaling(SCALE)(picture), width, dropout)


def _features(x: Tensor, width: float, dropout: float) -> Tensor:
    for channels in STEM:
        x = _convolution(x, _wide(channels, width), 2)
    for number, (channels, blocks) in enumerate(STAGES):
        x = _block(x, _wide(channels, width), 2)
        for _ in range(blocks):
            x = _block(x, _wide(channels, width))
        x = layers.Identity(name=f"stage_{number}")(x)
    # Names of their own: the detector's layers of that number are others.
    x = layers.Conv2D(_wide(HEAD, width), 1, use_bias=False, name="head")(x)
    x = layers.BatchNormalization(momentum=0.97, epsilon=1e-3, name="head_norm")(x)
    x = layers.GlobalAveragePooling2D(name="features")(layers.ReLU()(x))
    return layers.Dropout(dropout)(x) if dropout else x


def _convolution(x: Tensor, channels: int, strides: int = 1) -> Tensor:
    x = layers.Conv2D(channels, 3, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(_normalise(x))


def _block(x: Tensor, channels: int, strides: int = 1) -> Tensor:
    """A depthwise-separable convolution, with a way round it where the shape stays."""
    y = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
    y = layers.ReLU()(_normalise(y))
    y = _normalise(layers.Conv2D(channels, 1, use_bias=False)(y))
    if strides == 1 and x.shape[-1] == channels:
        y = layers.Add()([x, y])
    return layers.ReLU()(y)


def _normalise(x: Tensor) -> Tensor:
    # The library's momentum of 0.99 lags behind the weights for the first epochs.
    return layers.BatchNormalization(momentum=0.97, epsilon=1e-3)(x)


def _wide(channels: int, width: float) -> int:
    """Multiplies channels; in steps of eight, which is what kernels compute at once."""
    return max(8, round(channels * width / 8) * 8)


def _lenet(picture: Tensor, width: float, dropout: float) -> Tensor:
    x = layers.Rescaling(SCALE)(picture)
    for channels in (6, 16):
        x = layers.Conv2D(max(1, round(channels * width)), 5, activation="tanh")(x)
        x = layers.AveragePooling2D(2)(x)
    return _dense(x, (120, 84), width, dropout, "tanh")


def _plain(
    convolutions: tuple[int, ...], dense: tuple[int, ...]
) -> Callable[[Tensor, float, float], Tensor]:
    """Returns what builds convolutions, each with a pool, and dense layers."""

    def build(picture: Tensor, width: float, dropout: float) -> Tensor:
        x = layers.Rescaling(SCALE)(picture)
        for channels in convolutions:
            x = layers.Conv2D(
                _wide(channels, width),
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
            )(x)
            x = layers.MaxPooling2D(2)(x)
        return _dense(x, dense, width, dropout, "relu")

    return build


def _dense(
    x: Tensor, units: tuple[int, ...], width: float, dropout: float, activation: str
) -> Tensor:
    x = layers.Flatten()(x)
    for count in units:
        x = layers.Dropout(dropout)(x)
        x = layers.Dense(
            max(1, round(count * width)),
            activation=activation,
            # Without normalisation the deeper ones begin with no signal, and stay constant.
            kernel_initializer="he_normal" if activation == "relu" else "glorot_uniform",
        )(x)
    return x


def _transferred(name: str, scaling: str) -> Callable[[Tensor, float, float], Tensor]:
    """Returns what builds a network of Keras's own, its pictures scaled as it was trained with.

    Args:
        name: In `keras.applications`.
        scaling: "centred": red, green, blue from -1 to 1; "mean": blue, green, red less the mean
            of ImageNet.
    """

    def build(picture: Tensor, _width: float, dropout: float) -> Tensor:
        if scaling == "centred":
            x = layers.Rescaling(1 / 127.5, offset=-1.0)(keras.ops.flip(picture, axis=-1))
        else:
            x = layers.Normalization(mean=(103.939, 116.779, 123.68), variance=(1, 1, 1))(picture)
        base = getattr(keras.applications, name)(
            include_top=False, weights=None, input_shape=picture.shape[1:], name=BACKBONE
        )
        for layer in base.layers:
            if isinstance(layer, layers.BatchNormalization):
                # As in `_normalise`: short trainings end before the library's 0.99 catches up.
                layer.momentum = 0.9
        x = layers.GlobalAveragePooling2D(name="features")(base(x))
        return layers.Dropout(dropout)(x)

    return build


def _load_backbone(network: keras.Model, path: Path) -> None:
    """Loads weights as `keras.applications` has them without a top."""
    backbone = network.get_layer(BACKBONE)
    if path.suffix == ".keras":
        backbone.set_weights(keras.models.load_model(path, compile=False).get_weights())
    else:
        backbone.load_weights(path)


def _load_learnt(network: keras.Model, path: Path) -> None:
    """Loads a training of the same network, or a released face detector's first layers."""
    detector = keras.models.load_model(path, compile=False)
    if detector.name == network.name:
        network.set_weights(detector.get_weights())
        return
    for kind in (layers.Conv2D, layers.DepthwiseConv2D, layers.BatchNormalization):
        ours, theirs = (_in_order_of_making(model, kind) for model in (network, detector))
        for layer, learnt in zip(ours, theirs, strict=False):
            layer.set_weights(learnt.get_weights())
    first = _in_order_of_making(network, layers.Conv2D)[0]
    # The scaling of pictures, which is a layer here, is one with the detector's first kernel.
    first.set_weights([first.get_weights()[0] / SCALE])


def _in_order_of_making(model: keras.Model, kind: type) -> list[Any]:
    """Lists layers by the numbers at the ends of their names, which the library counts up."""
    numbered = []
    for layer in model.layers:
        named = re.search(r"(?:2d|normalization)(?:_(\d+))?$", layer.name)
        if type(layer) is kind and named:
            numbered.append((int(named[1] or 0), layer))
    return [layer for _, layer in sorted(numbered, key=lambda pair: pair[0])]


_FROM_SCRATCH = {"learning_rate": 1e-3, "weight_decay": 1e-4, "dropout": 0.3}
_FINE_TUNED = {"learning_rate": 3e-4, "weight_decay": 1e-4, "epochs": 10, "batch": 32}

ARCHITECTURES = {
    "mask": Architecture(_mask, {}, _load_learnt),
    "lenet": Architecture(_lenet, {**_FROM_SCRATCH, "size": 64}),
    "plain-4conv-3dense": Architecture(
        _plain((32, 64, 128, 128), (256, 128, 64)), {**_FROM_SCRATCH, "size": 96}
    ),
    "plain-2conv-3dense": Architecture(
        _plain((32, 64), (128, 64, 32)), {**_FROM_SCRATCH, "size": 64}
    ),
    "wide-2conv": Architecture(_plain((100, 100), (50,)), {**_FROM_SCRATCH, "size": 64}),
    "conv3-128": Architecture(_plain((32, 64, 128), (128,)), {**_FROM_SCRATCH, "size": 128}),
    "mobilenet-v2": Architecture(
        _transferred("MobileNetV2", "centred"), _FINE_TUNED, _load_backbone
    ),
    "vgg16": Architecture(_transferred("VGG16", "mean"), _FINE_TUNED, _load_backbone),
    "vgg19": Architecture(_transferred("VGG19", "mean"), _FINE_TUNED, _load_backbone),
    "resnet50": Architecture(_transferred("ResNet50", "mean"), _FINE_TUNED, _load_backbone),
    "inception-v3": Architecture(
        _transferred("InceptionV3", "centred"), _FINE_TUNED, _load_backbone
    ),
}
