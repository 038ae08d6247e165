"""Trains the face detector.

    python models/face/second_annotator.py --out out/face-second.csv
    python models/face/train.py --second out/face-second.csv --out out/face [--epochs 120]
    python models/face/train.py --out out/face --release models/face/face.keras

Keras takes its backend from KERAS_BACKEND: "tensorflow" on a CPU; "torch" or "jax" where one of
them has a GPU. The state is kept after every epoch: the same command again goes on with it. Only
the train split is learnt from.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import cv2
import keras
from network import build_network, build_released, build_trainable
from objective import FaceLoss
from pictures import TrainingPictures
from second_annotator import read_seen, reconcile_all

from lintel.lab.annotations import leave_out, read_index

TRAINED = "face.keras"
LOG = "log.csv"
WEIGHT_DECAY = 0.02
WARM_UP_EPOCHS = 2


def main() -> None:
    """Trains, goes on with it, or releases what was trained."""
    arguments = _arguments()
    if arguments.release:
        trained = keras.models.load_model(arguments.out / TRAINED, compile=False)
        build_released(trained).save(arguments.release)
    else:
        train(arguments)


def train(arguments: argparse.Namespace) -> None:
    """Trains to the last epoch, from the last state that was kept."""
    keras.utils.set_random_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    # The workers are the threads; more of them would take the cores from the network.
    cv2.setNumThreads(1)
    batches = _batches(arguments)
    network = build_network(arguments.size)
    if arguments.start:
        started = keras.models.load_model(arguments.start, compile=False)
        network.set_weights(started.get_weights())
    model = build_trainable(network)
    model.compile(
        optimizer=_optimizer(arguments, len(batches)),
        loss=FaceLoss(arguments.size),
        # Its compilation costs tens of seconds on a CPU, and the steps are then slower.
        jit_compile=False,
    )
    model.fit(
        batches,
        epochs=arguments.epochs,
        verbose=2 if arguments.quiet else 1,
        callbacks=[
            keras.callbacks.BackupAndRestore(arguments.out / "state", delete_checkpoint=False),
            keras.callbacks.CSVLogger(arguments.out / LOG, append=True),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda _epoch, _logs: network.save(arguments.out / TRAINED)
            ),
            keras.callbacks.TerminateOnNaN(),
        ],
    )


def _batches(arguments: argparse.Namespace) -> TrainingPictures:
    log = arguments.out / LOG
    pictures = [
        picture
        for picture in read_index(arguments.data / "faces" / "index.csv", report=leave_out)
        if picture.split == "train"
        and picture.source not in arguments.without
        and not picture.duplicate_of
    ]
    if arguments.second:
        pictures = reconcile_all(pictures, read_seen(arguments.second))
    return TrainingPictures(
        pictures,
        batch=arguments.batch,
        size=arguments.size,
        seed=arguments.seed,
        # So that a training that was cut off sees what it would have seen.
        first_epoch=len(log.read_text().splitlines()[1:]) if log.exists() else 0,
        workers=arguments.workers,
        max_queue_size=8,
    )


def _optimizer(arguments: argparse.Namespace, batches: int) -> Any:
    warm_up = min(WARM_UP_EPOCHS, arguments.epochs - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        arguments.learning_rate / 100,
        decay_steps=(arguments.epochs - warm_up) * batches,
        alpha=0.005,
        warmup_target=arguments.learning_rate,
        warmup_steps=warm_up * batches,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY, clipnorm=10.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains the face detector.")
    data = os.environ.get("LINTEL_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of LINTEL_DATA")
    parser.add_argument("--out", type=Path, required=True, help="where the state and model go")
    parser.add_argument("--release", type=Path, help="write what was trained as it is converted")
    parser.add_argument("--second", type=Path, help="what second_annotator.py wrote")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--start", type=Path, help="a trained model to start from")
    parser.add_argument("--size", type=int, default=320, help="pixels of a side, a multiple of 64")
    parser.add_argument("--batch", type=int, default=16, help="pictures a step")
    parser.add_argument("--learning-rate", type=float, default=1.5e-3, help="the highest")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="threads that make pictures")
    parser.add_argument("--without", action="append", default=[], help="a source to leave out")
    parser.add_argument("--quiet", action="store_true", help="one line an epoch")
    return parser.parse_args()


if __name__ == "__main__":
    main()
