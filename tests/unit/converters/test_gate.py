"""What quantization spoils is caught, explained by layer, and saved by leaving layers in float."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from lintel.converters.production import produce
from lintel.converters.recipe import Data, Recipe
from lintel.converters.report import Findings
from lintel.converters.workshop import Workshop
from lintel.edge.packages import load_package

pytestmark = pytest.mark.timeout(900)
VARIANTS = ("litert-float32", "litert-int8", "onnx-float32", "onnx-int8")


@pytest.fixture(scope="module")
def package(
    models: Path, workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Findings, Path]:
    """The package of a network with one channel a thousand times as wide as its neighbours."""
    recipe = Recipe(
        model="hostile.keras",
        task="classify",
        calibration=Data(path="digits.npz", count=100),
        variants=VARIANTS,
        seconds=0.05,
    )
    out = tmp_path_factory.mktemp("packages") / "hostile"
    return produce(recipe, models, out, strict=True), out


@pytest.mark.parametrize("form", ["litert", "onnx"])
def test_int8_of_a_hostile_model_is_caught_and_mixed_precision_saves_it(
    form: str, package: tuple[Findings, Path]
) -> None:
    findings, _ = package
    found = {one.name: one for one in findings.verifications}
    failed, mended = found[f"{form}-int8"], found[f"{form}-int8-mixed"]
    assert not failed.passed
    assert failed.kept < 0.9
    assert "the gate is 99 %" in failed.problem
    assert mended.passed
    assert mended.kept >= 0.99
    assert mended.conversion.float_layers
    assert mended.conversion.size_bytes < found[f"{form}-float32"].conversion.size_bytes


def test_the_layer_where_the_error_enters_is_named_first(package: tuple[Findings, Path]) -> None:
    for one in package[0].verifications:
        if one.name in {"litert-int8", "onnx-int8"}:
            assert one.layers[0].lost_share > 0.5
            assert "wide" in one.layers[0].name
            shares = [row.lost_share for row in one.layers]
            assert shares == sorted(shares, reverse=True)


def test_what_failed_is_told_and_not_packed(package: tuple[Findings, Path]) -> None:
    findings, folder = package
    packed = [variant.name for variant in load_package(folder).manifest.variants]
    assert packed == findings.packed
    assert set(packed) == {
        "litert-float32", "litert-int8-mixed", "onnx-float32", "onnx-int8-mixed"
    }  # fmt: skip
    told = {
        row["name"]: row for row in json.loads((folder / "report.json").read_text())["variants"]
    }
    assert not told["litert-int8"]["passed"]
    assert told["litert-int8-mixed"]["float_layers"]
    speeds = [told[name]["speed"] for name in packed]
    assert all(later >= 0.97 * sooner for sooner, later in pairwise(speeds))


def test_charts_of_the_report_have_no_labels_one_on_another(package: tuple[Findings, Path]) -> None:
    from matplotlib.figure import Figure

    from lintel.reports import place_labels

    axes = Figure(figsize=(10, 5)).add_subplot()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    points = [(5 + index / 50, 5.0) for index in range(11)]
    labels = place_labels(axes, points, [f"litert-int8-{i}, 20 kB" for i in range(11)], [6] * 11)
    boxes = [label.get_window_extent() for label in labels]
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:index])
