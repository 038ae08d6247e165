from __future__ import annotations

from pathlib import Path

import pytest

from lintel.lab.errors import LabError
from lintel.lab.training.recipes import open_recipe
from lintel.lab.training.settings import TrainingSettings, parse_assignments, parse_settings

RECIPE = """
from dataclasses import dataclass

@dataclass
class Architecture:
    defaults: dict

ARCHITECTURES = {"mask": Architecture({}), "vgg16": Architecture({"epochs": 3, "batch": 8})}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "network.py").write_text(RECIPE)
    return tmp_path


def test_values_are_read_as_numbers_where_they_are() -> None:
    read = parse_assignments(["epochs=5", "learning_rate=1e-3", "loss=focal"])

    assert read == {"epochs": 5, "learning_rate": 0.001, "loss": "focal"}
    assert parse_settings(read).loss == "focal"


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("epoch=5", "There is no setting epoch. Did you mean epochs?"),
        ("epochs=0", "The setting epochs is wrong: Expected `int` >= 1"),
        ("dropout=1", "The setting dropout is wrong: Expected `float` < 1.0"),
        ("loss=foc", '"focal"'),
        ("width", "width is no setting: write key=value"),
    ],
)
def test_a_wrong_setting_is_told_with_what_would_be_right(assignment: str, told: str) -> None:
    with pytest.raises(LabError) as error:
        parse_settings(parse_assignments([assignment]))
    assert told in str(error.value)


def test_a_setting_is_given_once() -> None:
    with pytest.raises(LabError, match="The setting width is given twice"):
        parse_assignments(["width=1", "width=2"])


def test_an_architecture_brings_what_suits_it_and_is_overruled(recipe: Path) -> None:
    chosen = open_recipe(str(recipe)).settings({"arch": "vgg16", "batch": 4})

    assert (chosen.epochs, chosen.batch) == (3, 4)
    assert chosen.seed == TrainingSettings().seed


def test_an_architecture_that_is_unknown_is_told_with_the_nearest(recipe: Path) -> None:
    with pytest.raises(LabError) as error:
        open_recipe(str(recipe)).settings({"arch": "vgg61"})
    assert "There is no architecture vgg61. Did you mean vgg16? There are: mask, vgg16." in str(
        error.value
    )


def test_a_recipe_with_a_trainer_of_its_own_is_told(tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text("def build_network():\n    pass\n")
    with pytest.raises(LabError, match="has a trainer of its own, and no ARCHITECTURES"):
        open_recipe(str(tmp_path))


def test_a_recipe_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="There is no recipe nothing"):
        open_recipe("nothing")
