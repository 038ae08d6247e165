"""The network of the face detector: a small anchor-free one, written for int8 on small CPUs.

A backbone of depthwise-separable blocks gives feature maps at strides 8 to 64; a top-down
pyramid (T.-Y. Lin et al., Feature Pyramid Networks for Object Detection, 2017) joins them; at
every cell of every map one score and one box come out. Boxes are coded as YuNet codes them
(W. Wu et al., YuNet: A Tiny Millisecond-level Face Detector, 2023): the centre in cells from the
cell's top left corner, and the logarithms of width and height in cells, which eight bits hold
with the same relative error for a small face as for a large one.

The first two layers are full convolutions: quantized to eight bits they cost less than the
depthwise ones that would usually stand there.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

STRIDES = (8, 16, 32, 64)
PYRAMID_CHANNELS = 48
STAGES = ((48, 2), (128, 3), (160, 2), (160, 1))
"""Channels, and residual blocks, of the stages at the four strides."""

SCALE = 1 / 255
PRIOR = 0.01
"""Share of cells that hold a face, which the scores start from."""
SCORE = "score"
LEAST_LOGIT = -6.0
"""What is released tells no scores below that of this logit: 0.0025."""

Tensor = Any


def build_network(size: int | None = None, *, released: bool = False) -> keras.Model:
    """Makes the network.

    Args:
        size: Width and height of its pictures in pixels, a multiple of 64; None: any.
        released: Without the scaling of pictures, and with the logits of the scores from
            LEAST_LOGIT up, told as what they are above it.

    Returns:
        A model from float32 (B, H, W, 3), BGR from 0 to 255, to what it says of every cell of the
        strides 8 to 64, row by row: the logits of the scores, float32 (B, A, 1), and the
        coded boxes (dx, dy, log w, log h), (B, A, 4).
    """
    picture = keras.Input((size, size, 3), name="picture")
    x = picture if released else layers.Rescaling(SCALE)(picture)
    x = _convolution(x, 8, 3, strides=2)
    x = _convolution(x, 24, 3, strides=2)
    features = []
    for channels, blocks in STAGES:
        x = _block(x, channels, strides=2)
        for _ in range(blocks):
            x = _block(x, channels)
        features.append(x)
    levels = zip(STRIDES, _pyramid(features), strict=True)
    heads = [_head(level, stride, released) for stride, level in levels]
    scores, boxes = zip(*heads, strict=True)
    # Apart to the end: eight bits are to be spent on the scores and on the boxes by themselves.
    outputs = [layers.Concatenate(axis=1)(list(parts)) for parts in (scores, boxes)]
    return keras.Model(picture, outputs, name="face")


def build_trainable(network: keras.Model) -> keras.Model:
    """Joins the outputs of a network to one, (B, A, 5), since its loss needs both."""
    return keras.Model(network.inputs[0], layers.Concatenate(axis=-1)(network.outputs))


def build_released(trained: keras.Model, size: int | None = None) -> keras.Model:
    """Makes what is converted: without the scaling of its input, and with scores up to 1.

    Args:
        trained: What `build_network` made, with its weights.
        size: Width and height of its pictures in pixels; None: any.

    Returns:
        A model from float32 (B, H, W, 3), BGR from 0 to 255, to `scores` (B, A, 1), from 0
        to 1, and `boxes` (B, A, 4).
    """
    fixed = build_network(size, released=True)
    kernel, *others = trained.get_weights()
    # The scale is one with the first kernel: the model takes bytes as they are.
    fixed.set_weights([kernel * SCALE, *others])
    for layer in fixed.layers:
        if layer.name.startswith(SCORE):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, bias - LEAST_LOGIT])
    above, boxes = fixed.outputs
    # Eight bits for the logits of what may be a face, none for those of walls, far below.
    logits = layers.Rescaling(1.0, offset=LEAST_LOGIT)(above)
    outputs = {
        "scores": layers.Activation("sigmoid", name="scores")(logits),
        "boxes": layers.Identity(name="boxes")(boxes),
    }
    return keras.Model(fixed.inputs[0], outputs, name="face")


def _convolution(x: Tensor, channels: int, kernel: int, strides: int = 1) -> Tensor:
    x = layers.Conv2D(channels, kernel, strides, padding="same", use_bias=False)(x)
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


def _pyramid(features: list[Tensor]) -> list[Tensor]:
    """Joins the maps from the coarsest down; returns them finest first."""
    joined = [_convolution(features[-1], PYRAMID_CHANNELS, 1)]
    for feature in reversed(features[:-1]):
        lateral = _convolution(feature, PYRAMID_CHANNELS, 1)
        above = layers.UpSampling2D(2)(joined[0])
        joined.insert(0, _block(layers.Add()([lateral, above]), PYRAMID_CHANNELS))
    return joined


def _head(x: Tensor, stride: int, released: bool) -> tuple[Tensor, Tensor]:
    x = _block(x, PYRAMID_CHANNELS)
    bias = math.log(PRIOR / (1 - PRIOR))
    score = layers.Conv2D(
        1,
        1,
        activation="relu" if released else None,
        bias_initializer=keras.initializers.Constant(bias),
        name=f"{SCORE}_{stride}",
    )(x)
    box = layers.Conv2D(4, 1, bias_initializer=keras.initializers.Constant(0.5))(x)
    return layers.Reshape((-1, 1))(score), layers.Reshape((-1, 4))(box)
