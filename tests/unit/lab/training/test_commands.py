"""`lintel-lab crops` and `lintel-lab train`, as people call them."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from lintel.lab.cli import lintel_lab
from lintel.lab.errors import LabError
from lintel.lab.training.faces import find_faces

pytest.importorskip("keras", reason="the extra `train` is not installed")
# Keras hands TensorFlow's tensors to NumPy in a way that NumPy warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(lintel_lab, [str(each) for each in arguments])


def test_crops_are_written_in_folders_of_classes_that_can_be_trained_on(
    faces_index: Path, tmp_path: Path
) -> None:
    ended = run("crops", faces_index, "--out", tmp_path, "--size", "40")

    assert ended.exit_code == 0, ended.output
    assert "train incorrect_mask: 16\n" in ended.stdout
    with (tmp_path / "crops.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    first = cv2.imread(str(tmp_path / rows[0]["crop"]))
    assert first is not None
    assert first.shape == (40, 40, 3)
    assert rows[0]["x_min"] == "28.00"
    labels = {each.label for each in find_faces(tmp_path)}
    assert labels == {"with_mask", "without_mask", "incorrect_mask"}


def test_crops_that_are_empty_are_told_and_end_in_failure(tmp_path: Path) -> None:
    faces = tmp_path / "faces"
    for number in range(24):
        path = faces / ("with_mask" if number % 2 else "without_mask") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8)
        assert cv2.imwrite(str(path), pixels if number else np.full((32, 32, 3), 9, np.uint8))

    ended = run("crops", faces, "--out", tmp_path / "crops", "--size", "24")

    assert ended.exit_code == 1
    assert "0.png, box 1: the crop is empty: all of one colour." in ended.stderr
    assert "1 face left out." in ended.stderr
    assert len(list((tmp_path / "crops").rglob("*.png"))) == 23


def test_a_training_is_told_epoch_by_epoch(faces_index: Path, tmp_path: Path) -> None:
    ended = run(
        *("train", "mask", "--arch", "lenet", "--data", faces_index, "--out", tmp_path / "out"),
        *("--cache", tmp_path / "cache", "--set", "epochs=1", "--set", "size=32"),
    )

    assert ended.exit_code == 0, ended.output
    assert "lenet: 48 faces to learn from, 12 to judge by." in ended.stdout
    assert "epoch 1/1, " in ended.stdout
    for name in ("model.keras", "history.csv", "settings.json", "result.json", "curves.png"):
        assert (tmp_path / "out" / name).stat().st_size > 0


def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    faces_index: Path, tmp_path: Path
) -> None:
    given = ("--data", faces_index, "--out", tmp_path / "out", "--cache", tmp_path / "cache")

    unknown = run("train", "mask", *given, "--set", "epoch=1")
    weightless = run("train", "mask", *given, "--weights", tmp_path / "no.h5")

    assert isinstance(unknown.exception, LabError)
    assert "Did you mean epochs?" in str(unknown.exception)
    assert weightless.exit_code == 2
    assert "'--weights': File" in weightless.stderr
    assert not (tmp_path / "out").exists()
    full = run("train", "mask", *given, "--out", faces_index)
    assert full.exit_code == 2
    assert "is a file" in full.stderr
