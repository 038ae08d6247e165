"""Trains the small models of these tests into a folder: python make_models.py FOLDER.

In a process of its own, as TensorFlow has no place in that of the tests.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

os.environ |= {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "tensorflow",
}

import joblib
import keras
import numpy as np
import xgboost
from keras import layers
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(sys.argv[1])


def digits() -> tuple[Any, Any]:
    """Real handwritten digits, (1797, 16, 16, 1) of 0 to 255, and which they are."""
    loaded = load_digits()
    pictures = loaded.images.repeat(2, axis=1).repeat(2, axis=2)[..., None] / 16 * 255
    return pictures.astype(np.float32), loaded.target


def fit(model: Any, inputs: Any, targets: Any, loss: Any, epochs: int) -> Any:
    model.compile(keras.optimizers.Adam(3e-3), loss)
    model.fit(inputs, targets, epochs=epochs, batch_size=64, verbose=0)
    return model


def lenet(kit: Any) -> Any:
    """A plain CNN in the style of LeNet, of either Keras."""
    own = kit.layers
    return kit.Sequential(
        [
            kit.Input((16, 16, 1), name="digit"),
            own.Rescaling(1 / 255),
            own.Conv2D(6, 5, padding="same", activation="tanh"),
            own.AveragePooling2D(2),
            own.Conv2D(16, 5, activation="tanh"),
            own.AveragePooling2D(2),
            own.Flatten(),
            own.Dense(32, activation="tanh"),
            own.Dropout(0.2),
            own.Dense(10, activation="softmax", name="classes"),
        ]
    )


def separable() -> Any:
    """A depthwise separable CNN with normalisation."""
    source = keras.Input((16, 16, 1), name="digit")
    value = layers.Rescaling(1 / 127.5, -1)(source)
    for width, stride in ((16, 1), (32, 2), (48, 2)):
        value = layers.SeparableConv2D(width, 3, stride, "same", use_bias=False)(value)
        value = layers.BatchNormalization(momentum=0.8)(value)
        value = layers.ReLU(6)(value)
    value = layers.GlobalAveragePooling2D()(value)
    return keras.Model(source, layers.Dense(10, activation="softmax", name="classes")(value))


def detector() -> Any:
    """A detector of a fixed size with two outputs by name, as a dictionary."""
    source = keras.Input((32, 32, 3), batch_size=1, name="pixels")
    value = layers.Rescaling(1 / 255)(source)
    for width in (8, 16):
        value = layers.Conv2D(width, 3, 2, "same")(value)
        value = layers.BatchNormalization()(value)
        value = layers.Activation("relu")(value)
    near = layers.Concatenate()(
        [layers.UpSampling2D()(value), layers.Conv2D(4, 1)(layers.UpSampling2D()(value))]
    )
    scores = layers.Reshape((-1, 1))(layers.Conv2D(1, 1, activation="sigmoid")(near))
    boxes = layers.Reshape((-1, 4))(layers.Conv2D(4, 1)(near))
    return keras.Model(source, {"scores": scores, "boxes": boxes})


def forecaster() -> Any:
    """Two LSTM layers and a dense one."""
    return keras.Sequential(
        [
            keras.Input((12, 1), name="series"),
            layers.LSTM(16, return_sequences=True),
            layers.LSTM(16),
            layers.Dense(1, name="forecast"),
        ]
    )


def series() -> tuple[Any, Any]:
    time = np.arange(900, dtype=np.float32)
    values = np.sin(time / 7) + 0.3 * np.sin(time / 3)
    windows = np.lib.stride_tricks.sliding_window_view(values, 13)
    # A few of them are then of all times.
    windows = np.random.default_rng(0).permutation(windows)
    return windows[:, :12, None].astype(np.float32), windows[:, 12]


def make_hostile(model: Any) -> None:
    """Makes one channel a thousand times as wide; what takes it makes up for it.

    In float it is the same network: ReLU lets a factor through.
    """
    kernel, bias = model.get_layer("wide").get_weights()
    kernel[..., 3] *= 1000
    bias[3] *= 1000
    model.get_layer("wide").set_weights([kernel, bias])
    kernel, bias = model.get_layer("next").get_weights()
    kernel[:, :, 3] /= 1000
    model.get_layer("next").set_weights([kernel, bias])


def hostile() -> Any:
    source = keras.Input((16, 16, 1), name="digit")
    value = layers.Rescaling(1 / 255)(source)
    for name, stride in (("wide", 1), ("next", 2), ("last", 2)):
        value = layers.Conv2D(12, 3, stride, "same", activation="relu", name=name)(value)
    value = layers.Flatten()(value)
    return keras.Model(source, layers.Dense(10, activation="softmax", name="classes")(value))


def save_odd_ones() -> None:
    """Models that are to be refused, or to be mended by what the error says."""
    source = keras.Input((4,), name="x")
    code = layers.Lambda(lambda value: value * 2, output_shape=(4,))(source)
    keras.Model(source, code).save(FOLDER / "code.keras")
    free = keras.Input((None, None, 3), name="picture")
    keras.Model(free, layers.Conv2D(2, 3)(free)).save(FOLDER / "free.keras")
    alone = keras.Sequential([source, layers.Dense(2)])
    alone.save_weights(FOLDER / "alone.weights.h5")
    matrix = keras.Input((3, 3), batch_size=1, name="matrix")
    keras.Model(matrix, keras.ops.det(matrix)).save(FOLDER / "determinant.keras")


def main() -> None:
    keras.utils.set_random_seed(0)
    pictures, classes = digits()
    np.savez(FOLDER / "digits.npz", x=pictures, y=classes)
    entropy = "sparse_categorical_crossentropy"
    plain = fit(lenet(keras), pictures, classes, entropy, 8)
    plain.save(FOLDER / "lenet.keras")
    plain.save(FOLDER / "lenet-keras3.h5")
    plain.export(FOLDER / "lenet-saved", verbose=False)
    fit(separable(), pictures, classes, entropy, 8).save(FOLDER / "separable.keras")
    spread = fit(hostile(), pictures, classes, entropy, 6)
    make_hostile(spread)
    spread.save(FOLDER / "hostile.keras")
    scenes = np.random.default_rng(0).uniform(0, 255, (64, 32, 32, 3)).astype(np.float32)
    scenes[::2, 8:24, 8:24] = 255
    np.savez(FOLDER / "scenes.npz", pixels=scenes)
    targets = {
        "scores": (scenes[:, ::2, ::2, :1] > 250).reshape(64, -1, 1).astype(np.float32),
        "boxes": np.ones((64, 256, 4), np.float32),
    }
    finder = detector()
    # Of a fixed batch of one.
    finder.compile("adam", "mse")
    for index in range(48):
        finder.train_on_batch(
            scenes[index : index + 1],
            {name: value[index : index + 1] for name, value in targets.items()},
        )
    finder.save(FOLDER / "detector.keras")
    windows, following = series()
    np.savez(FOLDER / "series.npz", series=windows, y=following)
    fit(forecaster(), windows, following, "mse", 6).save(FOLDER / "lstm.keras")
    save_tables()
    save_odd_ones()
    save_legacy()


def save_tables() -> None:
    """Models of tables: a regressor of 1,000 trees, classifiers, and two of scikit-learn."""
    rows = np.random.default_rng(0).uniform(size=(1500, 6)).astype(np.float32)
    sums = rows @ np.arange(6) + np.sin(6 * rows[:, 0])
    np.savez(FOLDER / "rows.npz", x=rows, y=sums.astype(np.float32))
    shallow = {"max_depth": 2, "eta": 0.1}
    trees = xgboost.train(shallow, xgboost.DMatrix(rows, sums), 1000)
    trees.save_model(FOLDER / "trees.ubj")
    trees.save_model(FOLDER / "trees.json")
    thirds = np.digitize(sums, np.quantile(sums, [1 / 3, 2 / 3]))
    two = xgboost.DMatrix(rows, thirds > 0)
    xgboost.train({**shallow, "objective": "binary:logistic"}, two, 20).save_model(
        FOLDER / "two-classes.ubj"
    )
    for name, objective in (("three-classes", "softprob"), ("three-numbers", "softmax")):
        many = {**shallow, "objective": f"multi:{objective}", "num_class": 3}
        trained = xgboost.train(many, xgboost.DMatrix(rows, thirds), 20)
        trained.save_model(FOLDER / f"{name}.json")
    for booster in ("dart", "gblinear"):
        odd = xgboost.train({"booster": booster}, xgboost.DMatrix(rows, sums), 5)
        odd.save_model(FOLDER / f"{booster}.json")
    forest = RandomForestRegressor(20, max_depth=4, random_state=0).fit(rows, sums)
    joblib.dump(forest, FOLDER / "forest.joblib")
    line = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, thirds)
    (FOLDER / "line.pkl").write_bytes(pickle.dumps(line))


def save_legacy() -> None:
    """The same network as the Keras of 2023 would have saved it."""
    import tf_keras

    lenet(tf_keras).save(FOLDER / "lenet-keras2.h5")


main()
