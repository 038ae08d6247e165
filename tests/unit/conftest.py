"""Model packages and models that the rooms' tests share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.builders import Network, build_onnx, build_tflite, tiny_network

WritePackage = Callable[..., Path]


@pytest.fixture(scope="session")
def network() -> Network:
    """The network that `tiny_tflite` and `tiny_onnx` are."""
    return tiny_network()


@pytest.fixture(scope="session")
def tiny_tflite(network: Network) -> bytes:
    """A TensorFlow Lite model of a few kilobytes."""
    return build_tflite(network)


@pytest.fixture(scope="session")
def tiny_onnx(network: Network) -> bytes:
    """An ONNX model of a few kilobytes."""
    return build_onnx(network)


@pytest.fixture
def write_package(tmp_path: Path) -> WritePackage:
    """Writes a package with one variant for each model: write(name, litert=bytes, onnx=bytes)."""

    def write(name: str, **models: bytes) -> Path:
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        lines = [f'name = "{name}"', 'version = "1.0.0"', 'task = "tensor"', 'licence = "CC0-1.0"']
        for backend, model in models.items():
            (folder / f"model.{backend}").write_bytes(model)
            lines += [
                "[[variant]]",
                f'name = "{backend}-float32"',
                f'backend = "{backend}"',
                f'file = "model.{backend}"',
                f'sha256 = "{hashlib.sha256(model).hexdigest()}"',
            ]
        (folder / "model.toml").write_text("\n".join(lines))
        return folder

    return write
