"""Decoders: what the outputs of the common families of face models mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from lintel.edge.packages import (
    BlazefaceOutput,
    CascadeOutput,
    CenterfaceOutput,
    FaceOutput,
    Input,
    ScrfdOutput,
    UltrafaceOutput,
    YoloV5FaceOutput,
    YoloV8Output,
    YunetOutput,
)
from lintel.edge.tasks.faces.decoders.anchored import (
    BlazefaceDecoder,
    ScrfdDecoder,
    YunetDecoder,
)
from lintel.edge.tasks.faces.decoders.direct import (
    CascadeDecoder,
    UltrafaceDecoder,
    YoloV5FaceDecoder,
    YoloV8Decoder,
)
from lintel.edge.tasks.faces.decoders.found import Decoder, Found
from lintel.edge.tasks.faces.decoders.maps import CenterfaceDecoder
from lintel.edge.tasks.faces.decoders.scores import calibrate, least_raw_score
from lintel.edge.tasks.tensors import check_outputs

__all__ = [
    "Decoder",
    "Found",
    "calibrate",
    "check_outputs",
    "least_raw_score",
    "make_decoder",
]


_DECODERS: Mapping[type[FaceOutput], Callable[[Any], Decoder]] = MappingProxyType(
    {
        BlazefaceOutput: BlazefaceDecoder,
        CascadeOutput: CascadeDecoder,
        ScrfdOutput: ScrfdDecoder,
        UltrafaceOutput: UltrafaceDecoder,
        YoloV5FaceOutput: YoloV5FaceDecoder,
        YoloV8Output: YoloV8Decoder,
        YunetOutput: YunetDecoder,
    }
)


def make_decoder(output: FaceOutput, expected: Input) -> Decoder:
    """Makes the decoder of a manifest.

    Args:
        output: What the manifest says of the model's outputs.
        expected: What it says of its input.
    """
    if isinstance(output, CenterfaceOutput):
        return CenterfaceDecoder(output, expected.layout)
    return _DECODERS[type(output)](output)
