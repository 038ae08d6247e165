"""Crops as vectors: of models, and without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mask_packages import SLOPE

from lintel.lab.clustering import extract_features, open_extractor
from lintel.lab.errors import LabError
from lintel.lab.training.faces import Face


def mean_colours(crops: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(crops.mean(axis=(1, 2)))


def test_pixels_and_histograms_need_no_model(faces: tuple[Face, ...]) -> None:
    done: list[int] = []
    pixels = extract_features(faces, open_extractor("pixels"), progress=done.append)
    assert pixels.vectors.shape == (24, 32 * 32 * 3)
    assert pixels.faces == faces
    assert sum(done) == 24
    histograms = extract_features(faces, open_extractor("hog"))
    assert histograms.vectors.shape == (24, 7 * 7 * 4 * 9)
    assert np.isfinite(histograms.vectors).all()


@pytest.mark.parametrize("backend", ["litert", "onnx"])
def test_a_packages_output_and_its_tensors_are_features(
    faces: tuple[Face, ...], write_package: Callable[[str], Path], backend: str
) -> None:
    package = str(write_package(backend))
    logits = extract_features(faces, open_extractor(package))
    assert logits.name == f"{backend}@only"
    # Logits by channel, up to a constant: see `colour_network`.
    channels = mean_colours(logits.crops)[:, [1, 2, 0]] * SLOPE / 255
    differences = logits.vectors - channels
    assert differences == pytest.approx(np.repeat(differences[:, :1], 3, axis=1), abs=1e-3)
    with pytest.raises(LabError, match=r"has no tensor nothing; it has .*logits"):
        open_extractor(package, "nothing")


@pytest.mark.parametrize(("backend", "tensor"), [("litert", "SUB"), ("onnx", "value3")])
def test_a_map_within_a_package_can_be_named_and_is_averaged_over_space(
    faces: tuple[Face, ...], write_package: Callable[[str], Path], backend: str, tensor: str
) -> None:
    # What the network sees of the colours, from -1 to 1.
    within = extract_features(faces, open_extractor(str(write_package(backend)), tensor))
    assert within.name == f"{backend}@only:{tensor}"
    assert within.vectors == pytest.approx(mean_colours(within.crops) / 127.5 - 1, abs=1e-3)


def test_what_cannot_be_cut_out_is_left_out(faces: tuple[Face, ...]) -> None:
    faces[3].path.write_bytes(b"none")
    features = extract_features(faces, open_extractor("pixels"))
    assert features.faces == faces[:3] + faces[4:]
    assert len(features.vectors) == len(features.crops) == 23
    assert str(faces[3].path) in features.left_out[0]


def test_models_of_other_tasks_are_refused() -> None:
    with pytest.raises(LabError, match="face-haar is no mask model"):
        open_extractor("face-haar")


@pytest.fixture
def keras_file(tmp_path: Path) -> Path:
    """A model of which the last layer with weights takes the mean colours, halved."""
    keras = pytest.importorskip("keras")
    picture = keras.Input((16, 16, 3))
    halved = keras.layers.Rescaling(0.5, name="halved")(picture)
    means = keras.layers.GlobalAveragePooling2D(name="means")(halved)
    logits = keras.layers.Dense(3)(keras.layers.Dropout(0.5)(means))
    model = keras.Model(picture, keras.layers.Softmax()(logits))
    (tmp_path / "colours").mkdir()
    model.save(tmp_path / "colours" / "model.keras")
    return tmp_path / "colours" / "model.keras"


# Keras reads TensorFlow's variables in a way that NumPy will not know for ever.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_keras_model_gives_what_its_last_layer_with_weights_takes_or_a_layer_by_name(
    faces: tuple[Face, ...], keras_file: Path
) -> None:
    features = extract_features(faces, open_extractor(str(keras_file)))
    assert features.name == "colours"
    assert features.vectors == pytest.approx(mean_colours(features.crops) / 2, abs=1e-3)
    named = extract_features(faces, open_extractor(str(keras_file), "halved"))
    assert named.name == "colours:halved"
    # Maps are averaged over space.
    assert named.vectors == pytest.approx(features.vectors, abs=1e-3)
    with pytest.raises(LabError, match=r"has no layer nothing; it has .*means"):
        open_extractor(str(keras_file), "nothing")
