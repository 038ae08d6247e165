from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

COLUMNS = "image,split,x_min,y_min,x_max,y_max,label,source,group,duplicate_of,whole_frame"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An index of six pictures to learn from, and one of another split that nobody may open."""
    pictures = tmp_path / "data" / "faces" / "images"
    pictures.mkdir(parents=True)
    random = np.random.default_rng(3)
    with (pictures.parent / "index.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*COLUMNS.split(","), "width", "height"])
        for number in range(7):
            split = "train" if number < 6 else "test"
            name = f"images/{number}.jpg"
            pixels = random.integers(0, 255, (96, 96, 3), np.uint8)
            cv2.ellipse(pixels, (48, 48), (20, 26), 0, 0, 360, (180, 200, 230), -1)
            assert cv2.imwrite(str(pictures.parent / name), pixels)
            box = (28, 22, 68, 74)
            rows.writerow([name, split, *box, "with_mask", "drawn", number, "", 0, 96, 96])
    (pictures / "6.jpg").write_bytes(b"not looked at")
    return tmp_path / "data"


def train(recipe: Path, *arguments: str | Path) -> None:
    command = [sys.executable, str(recipe / "train.py"), *map(str, arguments)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.timeout(400)
def test_training_goes_on_from_the_last_epoch_and_gives_a_model_to_convert(
    face_recipe: Path, data: Path, tmp_path: Path
) -> None:
    out, released = tmp_path / "out", tmp_path / "released.keras"
    second = tmp_path / "second.csv"
    second.write_text("image,x_min,y_min,x_max,y_max,score\n0.jpg,2,2,20,20,0.9\n")
    options = ["--data", data, "--second", second, "--out", out]
    options += ["--size", "64", "--batch", "2", "--quiet"]

    train(face_recipe, *options, "--epochs", "1")
    train(face_recipe, *options, "--epochs", "2")
    train(face_recipe, "--out", out, "--release", released)

    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    outputs = keras.models.load_model(released, compile=False)(np.zeros((1, 64, 64, 3), "f4"))
    assert set(outputs) == {"scores", "boxes"}
