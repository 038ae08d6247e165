"""PyTorch models, where PyTorch is installed: it is too large for everybody's tests."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.converters import ConversionError, SourceModel, agreement
from lintel.converters.workshop import Workshop

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        find_spec("torch") is None or find_spec("onnxscript") is None,
        reason="the extra `convert-torch` is not installed",
    ),
]
Run = Callable[[Path, list[Any]], dict[str, Any]]
BOUNDS = {"float32": 0.999999, "float16": 0.9999, "dynamic": 0.99, "int8": 0.97}


@pytest.fixture(scope="module")
def torch_models(
    tmp_path_factory: pytest.TempPathFactory, fill: Callable[[str, Path], Path]
) -> Path:
    return fill("make_torch_models.py", tmp_path_factory.mktemp("torch-models"))


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_an_exported_program_agrees_in_every_precision(
    suffix: str, torch_models: Path, workshop: Workshop, run_file: Run, tmp_path: Path
) -> None:
    source = SourceModel(torch_models / "finder.pt2", workshop=workshop)
    (taken,), outputs = source.describe()
    assert (taken.name, taken.shape) == ("picture", (None, 3, 32, 48))
    assert set(outputs) == {"scores", "boxes"}
    scenes = np.random.default_rng(0).uniform(0, 1, (40, 3, 4, 6)).astype(np.float32)
    pictures = list(scenes.repeat(8, axis=2).repeat(8, axis=3))
    expected = source.run(pictures[20:])
    for precision, least in BOUNDS.items():
        made = source.convert(tmp_path / f"{precision}{suffix}", precision, pictures[:20])
        given = run_file(made.file, pictures[20:])
        assert agreement(expected, is_classifier=False).compute(given) >= least, precision


def test_a_pickled_module_is_read_where_it_is_trusted_and_its_shape_told(
    torch_models: Path, workshop: Workshop, run_file: Run, tmp_path: Path
) -> None:
    path = torch_models / "plain.pt"
    with pytest.raises(ConversionError, match="--trust"):
        SourceModel(path, workshop=workshop).describe()
    with pytest.raises(ConversionError, match="--shape"):
        SourceModel(path, trust=True, workshop=workshop).describe()
    source = SourceModel(path, trust=True, shapes={"": (3, 16, 16)}, workshop=workshop)
    pictures = list(np.random.default_rng(0).uniform(0, 1, (4, 3, 16, 16)).astype(np.float32))
    made = source.convert(tmp_path / "made.tflite")
    given = run_file(made.file, pictures)
    assert agreement(source.run(pictures), is_classifier=False).compute(given) > 0.999999


def test_nothing_is_told_of_the_code_that_a_model_came_from(
    torch_models: Path, workshop: Workshop, tmp_path: Path
) -> None:
    made = SourceModel(torch_models / "finder.pt2", workshop=workshop).convert(tmp_path / "a.onnx")
    data = made.file.read_bytes()
    assert b"make_torch_models" not in data
    assert b"stack_trace" not in data


def test_weights_alone_are_no_model(torch_models: Path, workshop: Workshop) -> None:
    source = SourceModel(torch_models / "weights.pt", trust=True, workshop=workshop)
    with pytest.raises(ConversionError, match="weights and no model"):
        source.describe()
