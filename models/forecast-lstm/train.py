"""Trains the recurrent forecaster on a series.

    python models/forecast-lstm/train.py --series series/bike_sharing_hourly.csv --out out/lstm
    python models/forecast-lstm/train.py --series prices/tsla.csv --out out/lstm-prices \
      --window 20 --horizon 1 --chunk 1 --units 32 --batch 32 --until 0.8

First the learning rate rises over a few epochs, and is chosen by the loss (rates.png); then the
network is trained with it, and judged after every epoch by windows that it does not learn from
(curves.png). With --everything it learns from these too, for release. What comes after --until
is never looked at: it is what backtests report. A device compares models on the newest quarter of a
history, so that without --until hours are left out that it would compare on, were it given the very
series that was learnt from.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import keras
import numpy as np
import tensorflow as tf
from curves import draw_curves, draw_search
from lstm import ScaledError, Shape, build_network
from rates import search
from windows import Windows, cut_windows

from lintel.lab.forecasting.reading import read_series

TRAINED = "forecast-lstm.keras"
HISTORY = "history.csv"
RESULT = "result.json"
# Of what may be looked at, the last part judges.
JUDGING_SHARE = 0.15


def main() -> None:
    """Searches the rate, trains, and writes what came of it."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    # Operators that add up in the same order each time, so that the same command gives the same.
    tf.config.experimental.enable_op_determinism()
    shape = Shape(arguments.window, arguments.horizon, arguments.chunk, arguments.units)
    learnt, judging = _windows(arguments, shape)
    start = time.monotonic()
    rate = arguments.learning_rate or _search(arguments, shape, learnt)
    keras.utils.set_random_seed(arguments.seed)
    model = _compiled(shape, _schedule(rate, arguments.epochs, len(learnt), arguments.batch))
    judge = _Judge(judging)
    model.fit(
        _batches(learnt, arguments),
        epochs=arguments.epochs,
        verbose=0,
        callbacks=[judge, keras.callbacks.TerminateOnNaN(raise_error=False)],
    )
    # The loss is not needed to run it, and its code is not in the file.
    keras.Model(model.input, model.output, name=model.name).save(arguments.out / TRAINED)
    draw_curves(judge.rows, arguments.out / "curves.png", learnt=arguments.everything)
    result = {
        "series": arguments.series.name,
        "windows": len(learnt),
        "parameters": model.count_params(),
        "learning_rate": rate,
        "seconds": round(time.monotonic() - start, 1),
        **judge.rows[-1],
    }
    (arguments.out / RESULT).write_text(json.dumps(result, indent=2) + "\n")
    click.echo(json.dumps(result, indent=2))


def _windows(arguments: argparse.Namespace, shape: Shape) -> tuple[Windows, Windows]:
    """Cuts what is learnt from, and what judges it; both lie before --until."""
    series, _ = read_series(arguments.series)
    end = round(len(series) * arguments.until)
    split = round(end * (1 - JUDGING_SHARE))
    judging = cut_windows(series, shape, split, end)
    return cut_windows(series, shape, 0, end if arguments.everything else split), judging


def _search(arguments: argparse.Namespace, shape: Shape, learnt: Windows) -> float:
    keras.utils.set_random_seed(arguments.seed)
    found = search(_compiled(shape, 1e-5), _batches(learnt, arguments), arguments.search_epochs)
    draw_search(found, arguments.out / "rates.png")
    click.echo(f"learning rate: {found.chosen:.2g}, see {arguments.out / 'rates.png'}")
    return found.chosen


def _compiled(shape: Shape, rate: Any) -> keras.Model:
    model = build_network(shape)
    model.compile(
        optimizer=keras.optimizers.Adam(rate, clipnorm=1.0),
        loss={"forecast": ScaledError()},
        # Its compilation costs tens of seconds on a CPU, and the steps are then slower.
        jit_compile=False,
    )
    return model


def _schedule(rate: float, epochs: int, windows: int, batch: int) -> Any:
    return keras.optimizers.schedules.CosineDecay(rate, epochs * -(-windows // batch))


def _batches(windows: Windows, arguments: argparse.Namespace) -> Any:
    pairs = (windows.values, {"forecast": windows.labels})
    dataset = tf.data.Dataset.from_tensor_slices(pairs)
    return dataset.shuffle(len(windows), seed=arguments.seed).batch(arguments.batch)


class _Judge(keras.callbacks.Callback):
    """Keeps what each epoch came to, on windows that are apart."""

    def __init__(self, windows: Windows) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self._windows = windows

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        told = self.model.predict(self._windows.values, batch_size=512, verbose=0)["forecast"]
        first, mean = self._windows.mean_absolute_errors(np.asarray(told))
        labels = self._windows.labels
        loss = float(np.mean(ScaledError().call(labels, np.asarray(told))))
        self.rows.append(
            {
                "epoch": epoch + 1,
                "loss": (logs or {})["loss"],
                "val_loss": loss,
                "val_mae_first": first,
                "val_mae": mean,
            }
        )
        row = self.rows[-1]
        click.echo(", ".join(f"{name} {value:.4g}" for name, value in row.items()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains the recurrent forecaster.")
    parser.add_argument("--series", type=Path, required=True, help="a CSV file of times and values")
    parser.add_argument("--out", type=Path, required=True, help="where the model and plots go")
    parser.add_argument("--window", type=int, default=336, help="steps that it looks at")
    parser.add_argument("--horizon", type=int, default=24, help="steps that it forecasts")
    parser.add_argument("--chunk", type=int, default=24, help="steps that are read at once")
    parser.add_argument("--units", type=int, default=96, help="of each layer")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--search-epochs", type=int, default=3, help="over which the rate rises")
    parser.add_argument("--learning-rate", type=float, help="instead of the search")
    parser.add_argument("--batch", type=int, default=64, help="windows a step")
    parser.add_argument("--until", type=float, default=0.72, help="share that may be looked at")
    parser.add_argument(
        "--everything", action="store_true", help="learn from what judges too, for release"
    )
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
