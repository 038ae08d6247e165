"""The manifests of docs/model-packages.md are valid, one for every family."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from lintel.edge.packages import ClassesOutput, FaceOutput, Output, parse_manifest

PAGE = (Path(__file__).parents[3] / "docs" / "model-packages.md").read_text("utf-8")
MANIFESTS = [
    text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[output]" in text
]
VARIANT = f'[[variant]]\nname = "a"\nbackend = "onnx"\nfile = "a"\nsha256 = "{"0" * 64}"\n'


@pytest.mark.parametrize("text", MANIFESTS, ids=lambda text: text.split('"')[1])
def test_a_documented_manifest_is_valid(text: str) -> None:
    assert parse_manifest((text if "[[variant]]" in text else text + VARIANT).encode())


def test_every_family_is_documented() -> None:
    decoders = {
        kind.__struct_config__.tag
        for kind in get_args(Output)
        if issubclass(kind, FaceOutput | ClassesOutput) and kind.__struct_config__.tag != "cascade"
    }
    assert decoders == set(re.findall(r'^decoder = "(.*)"$', PAGE, re.MULTILINE))
