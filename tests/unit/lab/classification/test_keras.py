"""Keras models as `lintel-lab train` makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mask_packages import SLOPE, expected

from lintel.lab.classification import classify_faces, open_classifier
from lintel.lab.errors import LabError
from lintel.lab.training.faces import Face

keras = pytest.importorskip("keras")

# Keras reads TensorFlow's variables in a way that NumPy will not know for ever.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def save(folder: Path, activation: str | None = None, channels: int = 3, classes: int = 3) -> Path:
    """Saves a model that goes by the mean colour, as the mask packages of the tests do."""
    picture = keras.Input((16, 16, channels))
    weights = np.zeros((channels, classes), np.float32)
    for channel, place in ((1, 0), (2, 1), (0, 2)):
        if channel < channels and place < classes:
            weights[channel, place] = SLOPE / 255
    means = keras.layers.GlobalAveragePooling2D()(picture)
    head = keras.layers.Dense(classes, use_bias=False, activation=activation)
    model = keras.Model(picture, head(means))
    head.set_weights([weights])
    folder.mkdir()
    model.save(folder / "model.keras")
    return folder / "model.keras"


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_logits_and_probabilities_are_told_alike(
    faces: tuple[Face, ...], tmp_path: Path, activation: str | None
) -> None:
    model = open_classifier(str(save(tmp_path / "colours", activation)))
    assert model.name == "colours"
    run = classify_faces(faces, [model]).runs[0]
    colours = {
        "with_mask": (40, 200, 90),
        "without_mask": (30, 60, 220),
        "incorrect_mask": (230, 110, 100),
    }
    wanted: Any = [expected(colours[face.label]) for face in faces]
    assert run.probabilities == pytest.approx(np.array(wanted), abs=1e-5)


def test_the_margin_is_that_of_the_training(tmp_path: Path) -> None:
    path = save(tmp_path / "colours")
    assert "margin 0.2" in open_classifier(str(path)).details
    path.with_name("settings.json").write_text(json.dumps({"margin": 0.5}))
    model = open_classifier(str(path))
    assert "margin 0.5" in model.details
    # A worn mask on bare surroundings, of which half a face's width on each side is seen.
    pixels = np.full((64, 64, 3), (30, 60, 220), np.uint8)
    pixels[16:48, 16:48] = (40, 200, 90)
    [told] = model.classify(pixels, [[16, 16, 48, 48]])
    assert told == pytest.approx(expected((32.5, 95, 187.5)), abs=0.02)


@pytest.mark.parametrize(("channels", "classes"), [(1, 3), (3, 2)])
def test_another_network_is_refused(tmp_path: Path, channels: int, classes: int) -> None:
    with pytest.raises(LabError, match=r"takes .* no crops|gives 2 numbers"):
        open_classifier(str(save(tmp_path / "other", channels=channels, classes=classes)))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"none")
    with pytest.raises(LabError, match="Keras cannot read"):
        open_classifier(str(tmp_path / "model.keras"))
