"""What kind of model a file is, by what is in it."""

from __future__ import annotations

import json
import zipfile
from enum import StrEnum
from pathlib import Path

from lintel.converters.errors import ConversionError

_HDF5 = b"\x89HDF\r\n\x1a\n"
_TREE_SUFFIXES = {".json", ".ubj"}
_UNDERSTOOD = (
    "Keras (.keras, .h5), a TensorFlow SavedModel (its folder), ONNX (.onnx), PyTorch (.pt2 of"
    " torch.export; .pt of a whole module), XGBoost (.json, .ubj) and scikit-learn (.pkl, .joblib)"
)


class Kind(StrEnum):
    """Kinds of trained models."""

    KERAS = "keras"
    KERAS_H5 = "keras-h5"
    SAVED_MODEL = "saved-model"
    ONNX = "onnx"
    TORCH_EXPORT = "torch-export"
    TORCH_PICKLE = "torch-pickle"
    XGBOOST = "xgboost"
    PICKLE = "pickle"

    @property
    def is_code(self) -> bool:
        """Reading it runs whatever its maker put into it."""
        return self in {Kind.TORCH_PICKLE, Kind.PICKLE}

    @property
    def is_tensorflow(self) -> bool:
        """TensorFlow runs it itself."""
        return self in {Kind.KERAS, Kind.KERAS_H5, Kind.SAVED_MODEL}

    @property
    def is_trees(self) -> bool:
        """It is made of decision trees, or another model of tables."""
        return self in {Kind.XGBOOST, Kind.PICKLE}


_KIND_OF_SUFFIX = {
    ".onnx": Kind.ONNX,
    ".json": Kind.XGBOOST,
    ".ubj": Kind.XGBOOST,
    ".pt": Kind.TORCH_PICKLE,
    ".pth": Kind.TORCH_PICKLE,
    ".pkl": Kind.PICKLE,
    ".pickle": Kind.PICKLE,
    ".joblib": Kind.PICKLE,
}


def identify(path: Path) -> Kind:
    """Tells what kind of model a file or folder is; nothing of it is run.

    Raises:
        ConversionError: It is missing, or none that can be read.
    """
    try:
        if path.is_dir():
            kind = Kind.SAVED_MODEL if (path / "saved_model.pb").is_file() else None
        else:
            kind = _identify_file(path)
    except FileNotFoundError as error:
        raise ConversionError(f"There is no model {path}: check the path.") from error
    except OSError as error:
        raise ConversionError(f"{path} cannot be read: {error.strerror}.") from error
    if kind is None:
        raise ConversionError(f"{path.name} is no model that is understood: give {_UNDERSTOOD}.")
    return kind


def _identify_file(path: Path) -> Kind | None:
    with path.open("rb") as file:
        head = file.read(8)
    suffix = path.suffix.lower()
    if head.startswith(_HDF5):
        return Kind.KERAS_H5
    if head.startswith(b"PK") and zipfile.is_zipfile(path):
        return _identify_archive(path, suffix)
    if suffix in _TREE_SUFFIXES and not _is_xgboost(path):
        return None
    return _KIND_OF_SUFFIX.get(suffix)


def _identify_archive(path: Path, suffix: str) -> Kind | None:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    if {"config.json", "metadata.json"} <= names:
        return Kind.KERAS
    is_torch = any(name.endswith(("data.pkl", "archive_format", "/version")) for name in names)
    if suffix == ".pt2":
        return Kind.TORCH_EXPORT
    return Kind.TORCH_PICKLE if is_torch else None


def _is_xgboost(path: Path) -> bool:
    if path.suffix.lower() == ".ubj":
        with path.open("rb") as file:
            return b"learner" in file.read(4096)
    try:
        return "learner" in json.loads(path.read_bytes())
    except ValueError:
        return False
