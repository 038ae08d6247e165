"""What the networks of a sweep are worth on a device: the table of models/mask/originals.toml.

    lintel-lab sweep mask models/mask/originals.toml --data faces/index.csv --source masks853 \\
      --out out/originals
    python -m tests.bench.mask_architectures out/originals [--split test]

Figures are those of the Keras models, on faces of masks853 of at least 24 pixels (with the
picture's long side at 640; near-copies left out). Sizes and latencies are those of what
`lintel.converters` makes of them: int8, in LiteRT, one thread, one face; all take turns, and the
ratio is the median of those to MobileNetV2 at 224 x 224 (of random weights) in the same turn.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from lintel.converters import SourceModel
from lintel.converters.device import DeviceModel
from lintel.lab.training.backend import start_keras
from lintel.lab.training.crops import load_crops
from lintel.lab.training.faces import Face, find_faces, select_faces

from .support import data_folder

REFERENCE = "MobileNetV2-224"
SMALLEST = 24.0
SOURCES = ("masks853",)
CALIBRATION_FACES = 100
TURNS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description="The table of mask architectures.")
    parser.add_argument("sweep", type=Path, help="the folder of a sweep")
    parser.add_argument("--split", default="test")
    arguments = parser.parse_args()
    start_keras()
    faces = select_faces(find_faces(data_folder() / "faces" / "index.csv", report=print))
    trained = [path.parent for path in sorted(arguments.sweep.glob("*/model.keras"))]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        rows = {run.name: _judge(run, faces, arguments.split) for run in trained}
        files = {run.name: _convert(run / "model.keras", folder, faces, run) for run in trained}
        files[REFERENCE] = convert_reference(folder)
        latencies = _time(files)
        print(
            "| training | pixels | parameters | epochs | minutes | two classes | accuracy", end=""
        )
        print(" | macro-F1 | int8, kB | ms a face | of MobileNetV2-224 |")
        print("|---|" + "---|" * 10)
        ordered = sorted(rows, key=lambda name: -rows[name][1])
        for name in [*ordered, REFERENCE]:
            told = rows[name][0] if name in rows else "224 | 2,257,984 |  |  |  |  | "
            size = files[name].stat().st_size / 1000
            own = np.median(latencies[name])
            ratio = np.median(latencies[name] / latencies[REFERENCE])
            print(f"| {name} | {told} | {size:,.0f} | {own:.2f} | {ratio:.3f} |")


def _judge(run: Path, faces: tuple[Face, ...], split: str) -> tuple[str, float]:
    """Returns the first cells of a training's row, and what rows are ordered by."""
    import keras

    from lintel.lab.training.judging import judge, predict

    settings = json.loads((run / "settings.json").read_text())
    result = json.loads((run / "result.json").read_text())
    chosen = select_faces(faces, split=split, sources=SOURCES, smallest=SMALLEST)
    crops = load_crops(chosen, settings["size"], settings["margin"], Path("out/crops"))
    network = keras.models.load_model(run / "model.keras", compile=False)
    told = judge(predict(network, crops.pixels), crops.classes)
    cells = [
        f"{settings['size']}",
        f"{result['parameters']:,}",
        f"{result['epochs']}",
        f"{result['seconds'] / 60:.1f}",
        f"{told.two_class_accuracy:.4f}",
        f"{told.accuracy:.4f}",
        f"{told.macro_f1:.4f}",
    ]
    return " | ".join(cells), told.macro_f1


def _convert(model: Path, folder: Path, faces: tuple[Face, ...], run: Path) -> Path:
    settings = json.loads((run / "settings.json").read_text())
    learnt = select_faces(faces, split="train", sources=SOURCES, smallest=SMALLEST)
    spread = learnt[:: len(learnt) // CALIBRATION_FACES][:CALIBRATION_FACES]
    crops = load_crops(spread, settings["size"], settings["margin"], Path("out/crops"))
    examples = list(crops.pixels.astype(np.float32))
    return SourceModel(model).convert(folder / f"{run.name}.tflite", "int8", examples).file


def convert_reference(folder: Path, precision: str = "int8") -> Path:
    """Converts MobileNetV2 at 224 x 224, of random weights and three classes."""
    import keras

    base = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg"
    )
    model = folder / "reference.keras"
    keras.Model(base.inputs[0], keras.layers.Dense(3, name="logits")(base.output)).save(model)
    random = np.random.default_rng(1)
    examples = list(random.uniform(-1, 1, (8, 224, 224, 3)).astype(np.float32))
    made = folder / f"reference-{precision}.tflite"
    return SourceModel(model).convert(made, precision, examples).file


def _time(files: dict[str, Path]) -> dict[str, np.ndarray]:
    """Returns milliseconds of each turn, by model."""
    models = {name: DeviceModel(file, 1) for name, file in files.items()}
    feeds = {}
    for name, model in models.items():
        (taken,) = model.session.inputs
        shape = tuple(int(length or 1) for length in taken.shape)
        feeds[name] = model.feed({taken.name: np.full(shape, 90, np.float32)})
        model.run(feeds[name])
    seen: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(TURNS):
        for name, model in models.items():
            began = time.perf_counter()
            model.run(feeds[name])
            seen[name].append(1000 * (time.perf_counter() - began))
    return {name: np.array(values) for name, values in seen.items()}


if __name__ == "__main__":
    # LiteRT's and TensorFlow's threads would take each other's cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
