"""A whole training of a tiny network, on faces that are drawn."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
# Keras hands TensorFlow's tensors to NumPy in a way that NumPy warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

from lintel.lab.errors import LabError  # noqa: E402
from lintel.lab.training.faces import find_faces  # noqa: E402
from lintel.lab.training.judging import predict  # noqa: E402
from lintel.lab.training.losses import ClassLoss  # noqa: E402
from lintel.lab.training.recipes import open_recipe  # noqa: E402
from lintel.lab.training.settings import TrainingSettings  # noqa: E402
from lintel.lab.training.training import Examples, prepare_examples, read_history, train  # noqa: E402

TINY = {"arch": "lenet", "size": 32, "batch": 16, "learning_rate": 0.01, "average": 0.5}
RECIPE = open_recipe("mask")


def settings(**given: Any) -> TrainingSettings:
    return RECIPE.settings({**TINY, **given})


@pytest.fixture(scope="module")
def examples(faces_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return prepare_examples(find_faces(faces_index), settings(), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def whole(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of four epochs in one go."""
    out = tmp_path_factory.mktemp("whole")
    train(RECIPE, settings(epochs=4), examples, out)
    return out


def logits(out: Path, examples: Examples) -> np.ndarray:
    model = keras.models.load_model(out / "model.keras", compile=False)
    return predict(model, examples.val.pixels)


def test_a_training_leaves_its_model_history_settings_and_result(whole: Path) -> None:
    with (whole / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    result = json.loads((whole / "result.json").read_text())
    assert result["val_accuracy"] == read_history(whole)[-1].val.accuracy
    assert json.loads((whole / "settings.json").read_text())["arch"] == "lenet"


def test_the_same_seed_gives_the_same_model(
    whole: Path, examples: Examples, tmp_path: Path
) -> None:
    train(RECIPE, settings(epochs=4), examples, tmp_path)

    np.testing.assert_allclose(logits(tmp_path, examples), logits(whole, examples), atol=1e-4)


def test_a_training_that_is_cut_off_goes_on_to_the_same_end(
    whole: Path, examples: Examples, tmp_path: Path
) -> None:
    def cut(epoch: Any) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, settings(epochs=4), examples, tmp_path, tell=cut)
    history = train(RECIPE, settings(epochs=4), examples, tmp_path)

    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    np.testing.assert_allclose(logits(tmp_path, examples), logits(whole, examples), atol=1e-3)


def test_another_training_is_not_gone_on_with(whole: Path, examples: Examples) -> None:
    with pytest.raises(LabError, match="holds a training with another dropout, epochs"):
        train(RECIPE, settings(epochs=5, dropout=0.1), examples, whole)


def test_a_bound_in_minutes_ends_a_training_with_its_epoch(
    examples: Examples, tmp_path: Path
) -> None:
    bounded = settings(epochs=50, minutes=1e-6)

    assert len(train(RECIPE, bounded, examples, tmp_path)) == 1
    assert len(train(RECIPE, bounded, examples, tmp_path)) == 1


@pytest.mark.parametrize("loss", ["cross-entropy", "focal", "logit-adjusted"])
def test_every_loss_is_less_where_the_answer_is_better(loss: str) -> None:
    judged = ClassLoss(TrainingSettings(loss=loss), np.array([0.6, 0.3, 0.1]))
    wanted = np.array([0, 1, 2])
    better, worse = np.eye(3, dtype="f4") * 4, np.eye(3, dtype="f4")

    assert float(judged(wanted, better)) < float(judged(wanted, worse))


def test_an_adjusted_loss_asks_more_for_a_rare_class() -> None:
    shares = np.array([0.6, 0.3, 0.1])
    plain, adjusted = (
        ClassLoss(TrainingSettings(loss=loss), shares)
        for loss in ("cross-entropy", "logit-adjusted")
    )
    rare, common, same = np.array([2]), np.array([0]), np.zeros((1, 3), "f4")

    assert float(adjusted(rare, same)) > float(plain(rare, same))
    assert float(adjusted(common, same)) < float(plain(common, same))
