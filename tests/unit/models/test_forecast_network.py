from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from lintel.edge.tasks.forecast import RegularSeries  # noqa: E402
from lintel.edge.tasks.forecast.calendars import FixedSteps  # noqa: E402

Cut = Callable[..., Any]
RECIPE = Path(__file__).resolve().parents[3] / "models" / "forecast-lstm"


@pytest.fixture(scope="module", autouse=True)
def recipe() -> Iterator[Path]:
    """The recipes are scripts, whose modules lie beside them."""
    sys.path.insert(0, str(RECIPE))
    yield RECIPE
    sys.path.remove(str(RECIPE))


@pytest.fixture(scope="module")
def lstm(recipe: Path) -> ModuleType:
    return import_module("lstm")


@pytest.fixture(scope="module")
def windows(recipe: Path) -> ModuleType:
    return import_module("windows")


@pytest.fixture(scope="module")
def rates(recipe: Path) -> ModuleType:
    return import_module("rates")


@pytest.fixture(scope="module")
def network(lstm: ModuleType) -> Any:
    keras.utils.set_random_seed(3)
    return lstm.build_network(lstm.Shape(window=12, horizon=4, chunk=3, units=5))


@pytest.fixture(scope="module")
def cut(lstm: ModuleType, windows: ModuleType) -> Cut:
    """Cuts windows of six steps, with targets of two."""
    return lambda *given: windows.cut_windows(given[0], lstm.Shape(6, 2, 3, 4), *given[1:])


def forecast(network: Any, values: np.ndarray) -> np.ndarray:
    return np.asarray(network(values.astype(np.float32))["forecast"])


def hours(values: np.ndarray, season_length: int = 4) -> RegularSeries:
    return RegularSeries(FixedSteps(3_600_000_000, 0, ZoneInfo("UTC")), 0, values, season_length)


def test_a_forecast_moves_and_grows_with_its_window(network: Any) -> None:
    values = np.random.default_rng(1).normal(0, 1, (6, 12))
    plain = forecast(network, values)
    assert forecast(network, 50 * values + 300) == pytest.approx(50 * plain + 300, rel=1e-4)


def test_a_window_that_never_moves_is_forecast_to_stay(network: Any) -> None:
    assert forecast(network, np.full((1, 12), 7.0)) == pytest.approx(np.full((1, 4), 7.0))


def test_windows_are_whole_chunks(lstm: ModuleType) -> None:
    with pytest.raises(ValueError, match="multiple"):
        lstm.build_network(lstm.Shape(window=10, horizon=4, chunk=3, units=5))


def test_the_loss_is_in_deviations_and_leaves_out_what_is_not_known(lstm: ModuleType) -> None:
    labels = np.array([[1.0, np.nan, 4.0, 2.0]], np.float32)
    told = np.array([[2.0, 9.0, 2.0]], np.float32)
    # (|1 - 2| + |4 - 2|) / 2 steps, over a deviation of 2.
    assert np.asarray(lstm.ScaledError().call(labels, told)) == pytest.approx([0.75])


def test_windows_hold_the_past_and_targets_what_came(cut: Cut) -> None:
    found = cut(hours(np.arange(20.0)), 10, 14)
    assert found.targets.tolist() == [[10, 11], [11, 12], [12, 13]]
    assert found.values[0].tolist() == [4, 5, 6, 7, 8, 9]


def test_gaps_are_filled_in_windows_and_left_in_targets(cut: Cut) -> None:
    values = np.arange(20.0)
    values[[9, 11]] = np.nan
    found = cut(hours(values), 10, 12)
    # What came a season of four before.
    assert found.values[0].tolist() == [4, 5, 6, 7, 8, 5]
    assert np.isnan(found.targets[0]).tolist() == [False, True]


def test_what_comes_after_the_end_changes_nothing(cut: Cut) -> None:
    values = np.random.default_rng(2).normal(0, 1, 60)
    poisoned = values.copy()
    poisoned[40:] = 1e9
    clean, other = (cut(hours(each), 0, 40) for each in (values, poisoned))
    assert np.array_equal(clean.values, other.values)
    assert np.array_equal(clean.targets, other.targets)


def test_the_errors_are_those_of_the_first_step_and_of_all(windows: ModuleType) -> None:
    made = windows.Windows(
        np.zeros((2, 3), np.float32), np.array([[1, 2], [3, np.nan]], np.float32)
    )
    assert made.mean_absolute_errors(np.zeros((2, 2))) == (2.0, 2.0)


def test_losses_are_smoothed_without_a_pull_to_nought(rates: ModuleType) -> None:
    assert rates.smooth(np.full(5, 2.0)) == pytest.approx(np.full(5, 2.0))
    # (0.95 * 1 + 3) / (0.95 + 1)
    assert rates.smooth(np.array([1.0, 3.0]))[1] == pytest.approx(3.95 / 1.95)


def test_the_rate_is_half_the_one_of_the_lowest_loss(rates: ModuleType) -> None:
    losses = np.array([3.0, 2.0, 1.0, 4.0])
    found = rates.Search(np.array([1e-3, 1e-2, 1e-1, 1.0]), losses, losses)
    assert found.chosen == pytest.approx(0.05)


def test_the_first_losses_are_no_mean_yet(rates: ModuleType) -> None:
    """Of a series with nothing to learn, one of them would be the lowest by chance."""
    losses = np.full(60, 1.0)
    losses[2], losses[40] = 0.1, 0.9
    found = rates.Search(np.geomspace(1e-5, 1, 60), losses, losses)
    assert found.chosen == pytest.approx(found.rates[40] / 2)


def test_a_search_ends_when_the_loss_has_left(rates: ModuleType) -> None:
    random = np.random.default_rng(4)
    x = random.normal(0, 1, (512, 4)).astype(np.float32)
    y = x @ random.normal(0, 1, (4, 1)) + random.normal(0, 1, (512, 1))
    batches = Batches(x, y.astype(np.float32))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(), loss="mse")
    found = rates.search(model, batches, epochs=20, lowest=1e-4, highest=1e3)
    assert len(found.losses) < 20 * len(batches)
    assert 1e-3 < found.chosen < 1
    assert np.all(np.diff(np.log(found.rates)) > 0)


class Batches(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        super().__init__()
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x) // 16

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(16 * index, 16 * index + 16)
        return self.x[part], self.y[part]
