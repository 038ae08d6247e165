"""Makes of a trained mask network what is converted.

python models/mask/release.py out/mask models/mask/mask.keras
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
from network import build_released


def main() -> None:
    """Writes the released form of a training's model."""
    parser = argparse.ArgumentParser(description="Makes of a trained network what is converted.")
    parser.add_argument("trained", type=Path, help="the folder of the training")
    parser.add_argument("released", type=Path, help="the .keras file to write")
    arguments = parser.parse_args()
    trained = keras.models.load_model(arguments.trained / "model.keras", compile=False)
    build_released(trained).save(arguments.released)


if __name__ == "__main__":
    main()
