"""The training itself: goes on from where it was, and keeps a model after every epoch."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import msgspec

from lintel.edge.packages import MASK_LABELS
from lintel.lab.errors import LabError
from lintel.lab.training.averaging import AveragedModel
from lintel.lab.training.batches import CONTEXT, TrainingCrops
from lintel.lab.training.crops import CropError, Crops, load_crops
from lintel.lab.training.faces import Face, select_faces
from lintel.lab.training.judging import Judgement, judge, predict
from lintel.lab.training.losses import ClassLoss
from lintel.lab.training.recipes import Recipe
from lintel.lab.training.settings import TrainingSettings

MODEL, HISTORY, SETTINGS, RESULT = "model.keras", "history.csv", "settings.json", "result.json"
STATE = "state"
COUNTED_SIZE = 24.0
"""Least short side, pixels with the long side at 640, of the faces that figures count."""
WARM_UP_SHARE = 0.05
"""Share of the steps in which the learning rate rises."""
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch came to; see `Judgement` for the figures of the val split.

    Attributes:
        epoch: Its number, from 1.
        seconds: Of processor time that it took: what else runs does not count.
        loss: On what was shown, changed as it was.
        accuracy: On the same.
        val: On the val split, by the averaged model.
    """

    epoch: int
    seconds: float
    loss: float
    accuracy: float
    val: Judgement

    def row(self) -> dict[str, float]:
        """Returns the row of the history."""
        plain = asdict(self)
        plain.update({f"val_{name}": value for name, value in plain.pop("val").items()})
        return plain


@dataclass(frozen=True, slots=True)
class Examples:
    """What a network learns from and is judged by.

    Attributes:
        train: With room for boxes that are moved: CONTEXT.
        val: As the device cuts them, of faces that figures count.
    """

    train: Crops
    val: Crops


def prepare_examples(
    faces: Sequence[Face],
    settings: TrainingSettings,
    cache: Path,
    *,
    report: Callable[[CropError], None] | None = None,
) -> Examples:
    """Cuts the faces of the train and val splits, or takes them from where they are kept.

    Args:
        faces: With splits.
        settings: Of the training.
        cache: Where crops are kept.
        report: Takes faces that cannot be cut. Default: it is raised.

    Raises:
        LabError: A split is empty, or has one class only; or see `report`.
    """
    learnt = select_faces(faces, split="train", smallest=settings.smallest)
    judged = select_faces(faces, split="val", smallest=COUNTED_SIZE)
    if len({face.label for face in learnt}) < 2:
        raise LabError(f"All faces of the train split are {learnt[0].label}: two classes or more.")
    size, margin = settings.size, settings.margin
    return Examples(
        load_crops(learnt, size, margin, cache, context=CONTEXT, report=report),
        load_crops(judged, size, margin, cache, report=report),
    )


def train(
    recipe: Recipe,
    settings: TrainingSettings,
    examples: Examples,
    out: Path,
    *,
    weights: Path | None = None,
    tell: Callable[[Epoch], object] = lambda _epoch: None,
    bar: bool = False,
) -> list[Epoch]:
    """Trains to the last epoch, from the last state that was kept.

    Args:
        recipe: What builds the network.
        settings: Of the training; those of a training that is gone on with, but for its epochs
            and minutes, must be the same.
        examples: Crops of the size and margin of the settings.
        out: A folder for `model.keras`, `history.csv`, `settings.json` and `result.json`.
        weights: For the network's backbone.
        tell: Called with every epoch.
        bar: Whether to draw a bar of each epoch's steps.

    Returns:
        All epochs, those of before too.

    Raises:
        LabError: The folder holds another training, the loss became no number, or see `Recipe`.
    """
    out.mkdir(parents=True, exist_ok=True)
    _keep_settings(out, settings)
    done = _epochs_done(out)
    history = read_history(out)[:done]
    spent = sum(epoch.seconds for epoch in history)
    if done >= settings.epochs or 0 < settings.minutes * 60 <= spent:
        return history
    keras.utils.set_random_seed(settings.seed)
    # The workers are the threads; more of them would take the cores from the network.
    cv2.setNumThreads(1)
    batches = TrainingCrops(
        examples.train, settings, first_epoch=done, workers=WORKERS, max_queue_size=8
    )
    network = recipe.build(settings, len(MASK_LABELS), weights)
    if done == 0 and weights is not None and settings.frozen_epochs:
        _train_head(network, settings, examples.train)
    average = keras.models.clone_model(network)
    if done:
        average.set_weights(keras.models.load_model(out / MODEL, compile=False).get_weights())
    _compile(network, settings, batches)
    averaged = AveragedModel(average, settings.average, done * len(batches))
    keeper = _Keeper(averaged, examples.val, out, settings, history, tell)
    network.fit(
        batches,
        epochs=settings.epochs,
        verbose=1 if bar else 0,
        callbacks=[
            averaged,
            keras.callbacks.BackupAndRestore(out / STATE, delete_checkpoint=False),
            keeper,
            keras.callbacks.TerminateOnNaN(raise_error=False),
        ],
    )
    if not keeper.history:
        raise LabError("The loss became no number: a lower learning_rate may help.")
    _write_result(out, network, keeper.history)
    return keeper.history


def read_history(out: Path) -> list[Epoch]:
    """Reads what the epochs of a training came to; nothing where none is there."""
    path = out / HISTORY
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [_epoch_of(row) for row in csv.DictReader(file)]


def _epoch_of(row: dict[str, str]) -> Epoch:
    val = {name: float(row[f"val_{name}"]) for name in Judgement.__dataclass_fields__}
    return Epoch(
        int(row["epoch"]),
        float(row["seconds"]),
        float(row["loss"]),
        float(row["accuracy"]),
        Judgement(**val),
    )


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Judges the averaged model after every epoch, and keeps it and the history."""

    def __init__(
        self,
        averaged: AveragedModel,
        val: Crops,
        out: Path,
        settings: TrainingSettings,
        history: list[Epoch],
        tell: Callable[[Epoch], object],
    ) -> None:
        super().__init__()
        self.history = history
        self._seed = settings.seed
        self._averaged, self._val, self._out, self._tell = averaged, val, out, tell
        self._seconds_left = settings.minutes * 60 - sum(epoch.seconds for epoch in history)
        self._bounded = settings.minutes > 0
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._began = time.process_time()
        # The state of dropout's chance is not kept: a training that goes on is to drop the same.
        for layer in self.model.layers:
            chance = getattr(layer, "seed_generator", None)
            if chance is not None:
                chance.state.assign([self._seed, epoch << 16])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        val = judge(predict(self._averaged.average, self._val.pixels), self._val.classes)
        seconds = time.process_time() - self._began
        done = Epoch(epoch + 1, seconds, logs["loss"], logs["accuracy"], val)
        self.history.append(done)
        _save(self._averaged.average, self._out / MODEL)
        _write_history(self._out / HISTORY, self.history)
        self._tell(done)
        self._seconds_left -= seconds
        if self._bounded and self._seconds_left <= 0:
            self.model.stop_training = True


def _compile(network: Any, settings: TrainingSettings, batches: TrainingCrops) -> None:
    steps = settings.epochs * len(batches)
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 100,
        decay_steps=max(1, steps - warm_up),
        alpha=0.01,
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay, clipnorm=10.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    network.compile(
        optimizer=optimizer,
        loss=ClassLoss(settings, batches.shares),
        metrics=["accuracy"],
        # Its compilation costs tens of seconds on a CPU, and the steps are then slower.
        jit_compile=False,
    )


def _train_head(network: Any, settings: TrainingSettings, crops: Crops) -> None:
    """Trains the last layer alone: at first their errors would spoil what the others know."""
    *others, _ = network.layers
    for layer in others:
        layer.trainable = False
    batches = TrainingCrops(crops, settings, workers=WORKERS, max_queue_size=8)
    network.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=ClassLoss(settings, batches.shares),
        jit_compile=False,
    )
    network.fit(batches, epochs=settings.frozen_epochs, verbose=0)
    for layer in others:
        layer.trainable = True


def _keep_settings(out: Path, settings: TrainingSettings) -> None:
    """Writes the settings, or compares them with those that are there."""
    path = out / SETTINGS
    plain = msgspec.to_builtins(settings)
    if path.is_file():
        before = json.loads(path.read_text())
        free = {"epochs", "minutes"} if _epochs_done(out) == 0 else {"minutes"}
        changed = [name for name in plain if name not in free and before.get(name) != plain[name]]
        if changed:
            raise LabError(
                f"{out} holds a training with another {', '.join(changed)}: give another folder,"
                " or the same settings to go on with it."
            )
    path.write_text(json.dumps(plain, indent=2) + "\n")


def _epochs_done(out: Path) -> int:
    """Returns how many epochs the kept state has seen."""
    path = out / STATE / "training_metadata.json"
    if not path.is_file() or not (out / MODEL).is_file():
        return 0
    return min(int(json.loads(path.read_text())["epoch"]), len(read_history(out)))


def _save(model: Any, path: Path) -> None:
    part = path.with_name(f"part-{path.name}")
    model.save(part)
    part.replace(path)


def _write_history(path: Path, history: Sequence[Epoch]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", newline="") as file:
        rows = csv.DictWriter(file, list(history[0].row()))
        rows.writeheader()
        rows.writerows(epoch.row() for epoch in history)
    part.replace(path)


def _write_result(out: Path, network: Any, history: Sequence[Epoch]) -> None:
    result = {
        "parameters": int(network.count_params()),
        "seconds": round(sum(epoch.seconds for epoch in history), 1),
        "epochs": len(history),
        **{f"val_{name}": value for name, value in asdict(history[-1].val).items()},
    }
    (out / RESULT).write_text(json.dumps(result, indent=2) + "\n")
