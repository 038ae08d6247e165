"""Makes of a trained mask network what is converted.

    python models/mask/release.py out/mask models/mask/mask.keras

Masks worn wrongly are shown in training more often than they are met, and so the network takes
them for more likely than they are. The logit of that class is lowered by what gives the val split
the highest probabilities, after a temperature; both are printed (M. Saerens et al., Adjusting the
Outputs of a Classifier to New a Priori Probabilities, 2002).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import click
import keras
import numpy as np
from conversion import INCORRECT, val_crops
from network import build_released

from lintel.lab.metrics.calibration import apply_temperature, fit_temperature
from lintel.lab.metrics.classification import measure_classes
from lintel.lab.training.judging import predict, softmax

SHIFTS = np.arange(0.0, 2.01, 0.1)


def main() -> None:
    """Writes the released form of a training's model."""
    parser = argparse.ArgumentParser(description="Makes of a trained network what is converted.")
    parser.add_argument("trained", type=Path, help="the folder of the training")
    parser.add_argument("released", type=Path, help="the .keras file to write")
    arguments = parser.parse_args()
    trained = keras.models.load_model(arguments.trained / "model.keras", compile=False)
    released = build_released(trained)
    shift = choose_shift(trained)
    kernel, bias = released.get_layer("logits").get_weights()
    bias[INCORRECT] -= shift
    released.get_layer("logits").set_weights([kernel, bias])
    released.save(arguments.released)


def choose_shift(trained: keras.Model) -> float:
    """Returns by how much to lower the logit of masks worn wrongly, and prints what that gives."""
    crops = val_crops()
    logits = predict(trained, crops.pixels)
    best, least = 0.0, np.inf
    for shift in SHIFTS:
        lowered = logits.copy()
        lowered[:, INCORRECT] -= shift
        probabilities = softmax(lowered)
        temperature = fit_temperature(crops.classes, probabilities)
        told = measure_classes(crops.classes, apply_temperature(probabilities, temperature))
        click.echo(
            f"shift {shift:.1f}: temperature {temperature:.3f}, log loss {told.log_loss:.4f},"
            f" accuracy {told.accuracy:.4f}, macro-F1 {told.macro_f1:.4f}"
        )
        if told.log_loss < least:
            best, least = float(shift), told.log_loss
    click.echo(f"chosen: {best:.1f}")
    return best


if __name__ == "__main__":
    main()
