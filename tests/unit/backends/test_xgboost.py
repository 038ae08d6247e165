"""Trees as XGBoost keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lintel.edge.backends.xgboost import XgboostSession
from lintel.edge.errors import InvalidArgumentError, PackageInvalidError

xgboost = pytest.importorskip("xgboost", reason="the library is an extra")

ROWS = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
MISSING = ROWS.copy()
MISSING[::3, 1] = np.nan


def trained(objective: str, labels: Any, **settings: Any) -> Any:
    """Returns a booster of a few shallow trees."""
    given = {"objective": objective, "max_depth": 3, "seed": 1, **settings}
    return xgboost.train(given, xgboost.DMatrix(ROWS, labels), 10)


def opened(booster: Any) -> XgboostSession:
    return XgboostSession(bytes(booster.save_raw("json")), threads=1)


def test_a_regressor_gives_what_xgboost_gives() -> None:
    booster = trained("reg:squarederror", ROWS.sum(axis=1))
    session = opened(booster)
    given = session.run({"input": MISSING})["variable"]
    expected = booster.predict(xgboost.DMatrix(MISSING))
    np.testing.assert_array_equal(given[:, 0], expected)
    assert session.inputs[0].shape == (-1, 5)


def test_two_classes_have_two_probabilities() -> None:
    booster = trained("binary:logistic", ROWS[:, 0] > 0)
    session = opened(booster)
    given = session.run({"input": ROWS})["probabilities"]
    assert given.shape == (200, 2)
    np.testing.assert_allclose(given[:, 1], booster.predict(xgboost.DMatrix(ROWS)))
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_more_classes_have_a_probability_each(objective: str) -> None:
    labels = np.digitize(ROWS[:, 0], [-0.5, 0.5])
    session = opened(trained(objective, labels, num_class=3))
    assert session.outputs[0].shape == (-1, 3)
    given = session.run({"input": ROWS})["probabilities"]
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-6)
    assert (given.argmax(axis=1) == labels).mean() > 0.9


def test_rows_of_another_width_are_refused() -> None:
    session = opened(trained("reg:squarederror", ROWS[:, 0]))
    with pytest.raises(InvalidArgumentError, match=r"shape \[-1, 5\]"):
        session.run({"input": ROWS[:, :4]})


@pytest.mark.parametrize("junk", [b'{"learner": {}}', b'{"', b'{"learner": 1, "version": [3]}'])
def test_what_is_no_model_is_refused(junk: bytes) -> None:
    with pytest.raises(PackageInvalidError, match="cannot be run by XGBoost"):
        XgboostSession(junk, threads=1)


def test_only_json_is_read() -> None:
    booster = trained("reg:squarederror", ROWS[:, 0])
    for junk in (b"", b"junk", b"{}", bytes(booster.save_raw("ubj"))):
        with pytest.raises(PackageInvalidError, match="not an XGBoost model in JSON"):
            XgboostSession(junk, threads=1)


def test_a_damaged_model_is_refused_or_runs() -> None:
    model = bytearray(trained("reg:squarederror", ROWS[:, 0]).save_raw("json"))
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(100):
        damaged = bytearray(model)
        for place in random.integers(2, len(model), 3):
            damaged[place] = random.integers(256)
        try:
            session = XgboostSession(bytes(damaged), threads=1)
        except PackageInvalidError:
            refused += 1
        else:
            rows = np.zeros((2, session.inputs[0].shape[1]), np.float32)
            assert session.run({"input": rows})
    assert refused > 50
