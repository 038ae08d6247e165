from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
# Keras hands TensorFlow's tensors to NumPy in a way that NumPy warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

REPOSITORY = Path(__file__).resolve().parents[3]
FACE_DETECTOR = REPOSITORY / "models" / "face" / "face.keras"
LARGE = {"mobilenet-v2", "vgg16", "vgg19", "resnet50", "inception-v3"}


@pytest.fixture(scope="module")
def network() -> ModuleType:
    # By another name: the face detector's recipe has a network.py too.
    path = REPOSITORY / "models" / "mask" / "network.py"
    spec = importlib.util.spec_from_file_location("mask_network", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mask_network"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (2, 112, 112, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model(network: ModuleType) -> Any:
    keras.utils.set_random_seed(5)
    return network.build_network("mask", 112)


def test_all_architectures_of_the_originals_are_there(network: ModuleType) -> None:
    assert set(network.ARCHITECTURES) == LARGE | {
        "mask",
        "lenet",
        "plain-4conv-3dense",
        "plain-2conv-3dense",
        "wide-2conv",
        "conv3-128",
    }


def test_the_released_network_is_small(model: Any) -> None:
    assert model.count_params() <= 300_000


@pytest.mark.parametrize(
    "name", ["mask", "lenet", "plain-4conv-3dense", "plain-2conv-3dense", "wide-2conv", "conv3-128"]
)
def test_every_small_architecture_gives_logits_and_grows_with_its_width(
    network: ModuleType, name: str
) -> None:
    size = 64
    whole, half = (network.build_network(name, size, width=width) for width in (1.0, 0.5))

    logits = whole(np.zeros((2, size, size, 3), np.float32))

    assert logits.shape == (2, 3)
    assert half.count_params() < whole.count_params()


def test_what_is_released_says_the_same_as_what_was_trained(
    network: ModuleType, model: Any, crops: np.ndarray
) -> None:
    released = network.build_released(model)

    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in released.layers)
    np.testing.assert_allclose(
        released.predict(crops, verbose=0), model.predict(crops, verbose=0), atol=1e-4
    )


def test_the_network_begins_with_what_the_face_detector_sees(network: ModuleType) -> None:
    begun = network.build_network("mask", 128, weights=FACE_DETECTOR)
    detector = keras.models.load_model(FACE_DETECTOR, compile=False)
    crops = np.random.default_rng(3).integers(0, 256, (1, 128, 128, 3)).astype(np.float32)

    stage = keras.Model(begun.inputs[0], begun.get_layer("stage_2").output)(crops)
    seen = [
        layer.output
        for layer in detector.layers
        if isinstance(layer, keras.layers.ReLU) and layer.output.shape[-1] == 160
    ]
    maps = keras.Model(detector.inputs[0], seen)(crops)

    same = [each for each in maps if each.shape == stage.shape]
    assert min(float(np.abs(each - stage).max()) for each in same) < 1e-3


def test_given_weights_are_taken_by_a_network_of_kerass_own(
    network: ModuleType, tmp_path: Path
) -> None:
    kept = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 64, 3))
    kept.save_weights(tmp_path / "given.weights.h5")

    built = network.build_network("mobilenet-v2", 64, weights=tmp_path / "given.weights.h5")

    backbone = built.get_layer(network.BACKBONE)
    for given, taken in zip(kept.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(given, taken)
    assert backbone.trainable_weights


def test_weights_for_a_network_that_takes_none_are_refused(
    network: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="lenet takes no weights"):
        network.build_network("lenet", 64, weights=tmp_path / "any.keras")


def test_a_training_is_begun_with_the_weights_of_another(
    network: ModuleType, model: Any, crops: np.ndarray, tmp_path: Path
) -> None:
    model.save(tmp_path / "other.keras")

    begun = network.build_network("mask", 112, weights=tmp_path / "other.keras")

    np.testing.assert_allclose(
        begun.predict(crops, verbose=0), model.predict(crops, verbose=0), atol=1e-5
    )
