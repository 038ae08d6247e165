from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

SIZE = 128


@pytest.fixture(scope="module")
def network() -> ModuleType:
    return import_module("network")


@pytest.fixture(scope="module")
def objective() -> ModuleType:
    return import_module("objective")


@pytest.fixture(scope="module")
def model(network: ModuleType) -> Any:
    keras.utils.set_random_seed(5)
    return network.build_network(None)


def test_every_cell_of_every_stride_gives_a_score_and_a_box(
    network: ModuleType, model: Any
) -> None:
    pixels = np.zeros((2, SIZE, SIZE, 3), np.float32)

    logits, boxes = model.predict(pixels, verbose=0)

    cells = sum((SIZE // stride) ** 2 for stride in network.STRIDES)
    assert logits.shape == (2, cells, 1)
    assert boxes.shape == (2, cells, 4)


def test_what_is_released_says_the_same_of_bytes_as_what_was_trained(
    network: ModuleType, model: Any
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1, SIZE, SIZE, 3)).astype(np.float32)
    logits, boxes = model.predict(pixels, verbose=0)

    released = network.build_released(model, SIZE).predict(pixels, verbose=0)

    told = np.maximum(logits, network.LEAST_LOGIT)
    np.testing.assert_allclose(released["scores"], 1 / (1 + np.exp(-told)), atol=1e-5)
    np.testing.assert_allclose(released["boxes"], boxes, atol=1e-4)


def code(objective: ModuleType, boxes: np.ndarray) -> np.ndarray:
    """What the network would have to give for every cell to say a box: (A, 4)."""
    corners, strides = objective.cell_grid(SIZE)
    middle, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return np.concatenate(
        [(middle - corners) / strides[:, None], np.log(sides / strides[:, None])], axis=1
    ).astype(np.float32)


def targets(objective: ModuleType, *rows: tuple[float, ...]) -> np.ndarray:
    made = np.zeros((1, objective.MAX_FACES, 5), np.float32)
    made[0, : len(rows)] = np.array(rows, np.float32).reshape(-1, 5)
    return made


def loss(objective: ModuleType, wanted: np.ndarray, logits: np.ndarray, coded: np.ndarray) -> float:
    outputs = np.concatenate([logits[:, None], coded], axis=1)[None].astype(np.float32)
    return float(keras.ops.convert_to_numpy(objective.detection_loss(wanted, outputs, SIZE)))


FACE = (30.0, 40.0, 62.0, 76.0)


def test_codes_come_back_as_boxes(objective: ModuleType) -> None:
    corners, strides = objective.cell_grid(SIZE)
    boxes = np.tile(np.array([FACE], np.float32), (len(corners), 1))

    decoded = objective.decode_boxes(code(objective, boxes)[None], corners, strides)

    np.testing.assert_allclose(keras.ops.convert_to_numpy(decoded)[0], boxes, atol=1e-3)


def test_a_face_found_costs_less_than_one_missed_or_misplaced(objective: ModuleType) -> None:
    wanted = targets(objective, (*FACE, objective.FACE))
    corners, strides = objective.cell_grid(SIZE)
    middle = corners + 0.5 * strides[:, None]
    inside = (np.abs(middle - [46, 58]) < [16, 18]).all(axis=1) & (strides < 32)
    logits = np.where(inside, 6.0, -8.0)
    right = code(objective, np.tile(np.array([FACE], np.float32), (len(corners), 1)))
    wrong = right + np.float32(0.7)

    found = loss(objective, wanted, logits, right)

    assert found < loss(objective, wanted, np.full(len(corners), -8.0), right)
    assert found < loss(objective, wanted, logits, wrong)


def test_nothing_is_wrong_to_find_in_an_ignored_region(objective: ModuleType) -> None:
    corners, strides = objective.cell_grid(SIZE)
    middle = corners + 0.5 * strides[:, None]
    inside = ((middle >= FACE[:2]) & (middle < FACE[2:])).all(axis=1)
    silent, loud = np.full(len(corners), -9.0), np.where(inside, 5.0, -9.0)
    coded = np.zeros((len(corners), 4), np.float32)
    ignored = targets(objective, (*FACE, objective.IGNORED))
    nothing = targets(objective)

    assert loss(objective, ignored, loud, coded) == pytest.approx(
        loss(objective, ignored, silent, coded), abs=0.05
    )
    assert loss(objective, nothing, loud, coded) > loss(objective, nothing, silent, coded) + 1


@pytest.mark.parametrize("side", [5, 9, 20, 60, 120])
def test_a_face_of_any_size_has_a_cell_that_answers_for_it(
    objective: ModuleType, side: int
) -> None:
    box = (3.0, 3.0, 3.0 + side, 3.0 + side)
    corners, _ = objective.cell_grid(SIZE)
    right = code(objective, np.tile(np.array([box], np.float32), (len(corners), 1)))
    silent = np.full(len(corners), -9.0)

    with_face = loss(objective, targets(objective, (*box, objective.FACE)), silent, right)

    assert with_face > loss(objective, targets(objective), silent, right) + 1


def test_more_faces_than_fit_leave_the_smallest_ignored(objective: ModuleType) -> None:
    pictures, scene = import_module("pictures"), import_module("augmentation").Scene

    count = objective.MAX_FACES + 8
    corners = np.stack([np.arange(count) * 3.0, np.full(count, 5.0)], axis=1)
    sides = np.linspace(10, 40, count)[:, None]
    boxes = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
    none = np.zeros(count, bool)

    rows = pictures.targets_of(scene(np.zeros((200, 200, 3), np.uint8), boxes, none, none))

    kinds = rows[:, 4].tolist()
    assert kinds.count(objective.FACE) == objective.MAX_FACES - 1
    assert kinds.count(objective.IGNORED) == 1
    assert rows[:-1, 2].max() == boxes[-1, 2]
    assert (rows[-1, :2] <= boxes[0, :2]).all()
