"""Small trained models, and what it takes to compare them with what they become."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.converters import SourceModel
from lintel.converters.device import DeviceModel
from lintel.converters.examples import stack_outputs
from lintel.converters.workshop import Workshop, shared_workshop

_NEEDED = ("tensorflow", "keras", "tf_keras", "tf2onnx", "sympy", "xgboost", "onnxmltools")


@pytest.fixture(scope="session", autouse=True)
def libraries() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the extra `convert` is not installed: no {', '.join(missing)}")


@pytest.fixture(scope="session")
def fill() -> Callable[[str, Path], Path]:
    """Has a script of this folder fill a folder: fill(script, folder)."""
    return _fill


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that make_models.py fills."""
    return _fill("make_models.py", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def onnx_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that make_onnx_models.py fills."""
    return _fill("make_onnx_models.py", tmp_path_factory.mktemp("onnx-models"))


def _fill(script: str, folder: Path) -> Path:
    command = [sys.executable, Path(__file__).with_name(script), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """The process that converts, which commands of these tests share."""
    made = shared_workshop()
    yield made
    made.close()


@pytest.fixture(scope="session")
def examples(models: Path) -> Callable[[str], list[Any]]:
    """Reads inputs of a model, without their first axis: examples(name of the .npz)."""

    def read(name: str) -> list[Any]:
        with np.load(models / f"{name}.npz") as file:
            arrays = [file[key] for key in file.files if key != "y"]
        return list(arrays[0])

    return read


@pytest.fixture(scope="session")
def open_model(models: Path, workshop: Workshop) -> Callable[[str], SourceModel]:
    """Opens one of the models by the name of its file."""
    return lambda name: SourceModel(models / name, workshop=workshop)


@pytest.fixture(scope="session")
def run_file() -> Callable[[Path, list[Any]], dict[str, Any]]:
    """Runs a converted file as the device does, on examples without their first axis."""

    def run(file: Path, rows: list[Any]) -> dict[str, Any]:
        model = DeviceModel(file, 1)
        name = model.session.inputs[0].name
        return stack_outputs(model.run(model.feed({name: row[None]})) for row in rows)

    return run
