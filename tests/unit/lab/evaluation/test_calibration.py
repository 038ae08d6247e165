"""What scores are made to mean, and what is told of least scores: `lintel-lab calibrate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.edge.packages import Calibration, CascadeOutput
from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.cli import main
from lintel.lab.errors import LabError
from lintel.lab.evaluation import (
    MARGINS,
    PackageDetector,
    apply_calibration,
    choices,
    evaluate,
    find_package,
    fit_calibration,
    open_package,
    open_scene,
    rescored,
    uncalibrated,
)

Make = Callable[..., AnnotatedPicture]
MakeOracle = Callable[..., Any]
FACE = [90, 75, 230, 245]
WALL = [5, 5, 60, 70]


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (2.5, -1.0), (-3.0, 0.5)])
def test_the_calibration_that_hits_were_drawn_by_is_found(slope: float, intercept: float) -> None:
    random = np.random.default_rng(4)
    scores = random.normal(0, 1.5, 40_000)
    given = Calibration(slope=slope, intercept=intercept)
    hits = random.random(len(scores)) < apply_calibration(given, scores)
    fitted = fit_calibration(scores, hits)
    assert fitted.slope == pytest.approx(slope, abs=0.1)
    assert fitted.intercept == pytest.approx(intercept, abs=0.1)


def test_scores_that_tell_faces_apart_without_error_have_a_calibration_too() -> None:
    fitted = fit_calibration(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    low, high = apply_calibration(fitted, np.array([0.1, 0.9]))
    assert 0 < low < 0.5 < high < 1


@pytest.mark.parametrize("hits", [[], [True, True], [False]])
def test_a_calibration_needs_faces_and_others(hits: list[bool]) -> None:
    with pytest.raises(LabError, match="both faces and false alarms"):
        fit_calibration(np.ones(len(hits)), np.array(hits, bool))


def test_a_calibration_is_undone_to_the_score_of_the_model(make_picture: Make) -> None:
    package, _ = find_package("face-haar")
    output = package.manifest.output
    assert isinstance(output, CascadeOutput)
    plain = uncalibrated(package)
    _, pixels = open_scene(make_picture("a.jpg"))
    told = open_package("face-haar").detect(pixels, 0.0)
    raw = PackageDetector(plain).detect(pixels, 0.0).scores
    assert len(raw) == len(told.scores) > 0
    assert apply_calibration(output.calibration, raw.astype(np.float64)) == pytest.approx(
        told.scores, abs=1e-5
    )


def test_a_least_score_is_told_with_what_it_finds_and_what_leaks(
    make_picture: Make, make_oracle: MakeOracle
) -> None:
    # Smaller than the face, so that the smallest margin does not reach over all of it.
    inner = [115, 106, 205, 214]
    detector = make_oracle(lambda _pixels: [[*inner, 0.25], [*WALL, 0.12]])
    seen = evaluate([make_picture("a.jpg")], [detector])
    by_score = {choice.least: choice for choice in choices(seen)}
    assert (by_score[0.1].precision, by_score[0.1].recall) == (0.5, 1)
    assert (by_score[0.2].precision, by_score[0.2].recall) == (1, 1)
    assert np.isnan(by_score[0.3].precision)
    assert by_score[0.3].recall == 0
    assert set(by_score[0.3].leaks) == {1.0}
    leaks = by_score[0.2].leaks
    assert len(leaks) == len(MARGINS)
    assert leaks[0] == 1
    assert leaks[-1] == 0
    assert list(leaks) == sorted(leaks, reverse=True)


def test_scores_are_replaced_and_nothing_else(make_picture: Make, make_oracle: MakeOracle) -> None:
    seen = evaluate([make_picture("a.jpg")], [make_oracle(lambda _pixels: [[*FACE, 0.2]])])
    other = rescored(seen, lambda scores: scores * 2)
    before, after = seen.runs[0].sightings[0], other.runs[0].sightings[0]
    assert after.ranked.scores == pytest.approx([0.4])
    assert after.ranked.boxes is before.ranked.boxes
    assert after.shown is before.shown


def test_the_command_prints_what_the_manifest_takes(
    index: Path, make_picture: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    # A face that nobody has marked, for a false alarm.
    make_picture("e.jpg")
    index.write_text(index.read_text() + "e.jpg,val,,,,,,outdoors,e.jpg,,0,320,320\n")
    with pytest.raises(SystemExit) as caught:
        main(["calibrate", "face-haar", "--data", str(index)])
    told = capsys.readouterr()
    assert caught.value.code == 0, told.err
    assert "face-haar@opencv on index.csv, split val, 3 pictures." in told.out
    assert "calibration = { slope = " in told.out
    assert "min_score  precision  recall   leak rate at a margin of" in told.out
    for source in ("indoors", "outdoors", "all"):
        assert f"\n{source}\n" in told.out
