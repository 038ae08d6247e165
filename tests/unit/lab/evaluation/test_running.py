"""Detectors shown pictures: upright, in pixels, and held to both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.errors import LabError
from lintel.lab.evaluation import LOWEST_SCORE, evaluate, open_package

Make = Callable[..., AnnotatedPicture]
MakeOracle = Callable[..., Any]
FACE = [90, 75, 230, 245]


def test_each_picture_is_shown_to_each_detector(
    make_picture: Make, make_oracle: MakeOracle
) -> None:
    good = make_oracle(lambda _pixels: [FACE, [0, 0, 30, 30, 0.2]], name="good")
    blind = make_oracle(lambda _pixels: [], name="blind")
    done: list[int] = []
    pictures = [make_picture("a.jpg"), make_picture("b.jpg")]
    evaluation = evaluate(pictures, [good, blind], progress=done.append)
    assert done == [1, 2]
    assert [run.name for run in evaluation.runs] == ["good", "blind"]
    for sighting in evaluation.runs[0].sightings:
        assert len(sighting.ranked.boxes) == 2
        assert sighting.shown.boxes.tolist() == [FACE]
        assert sighting.covered.tolist() == [1]
        assert sighting.cpu_s >= 0
    assert evaluation.runs[1].sightings[1].covered.tolist() == [0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_turned_upright_with_their_pictures(
    make_picture: Make, make_oracle: MakeOracle, orientation: int
) -> None:
    box = [40, 20, 100, 180]
    picture = make_picture("a.png", boxes=[box], height=200)
    stored = np.zeros((200, 320, 3), np.uint8)
    stored[box[1] : box[3], box[0] : box[2]] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(picture.path, exif=exif)

    def brightest(pixels: np.ndarray[Any, Any]) -> list[list[float]]:
        rows, columns = np.nonzero(pixels[:, :, 0])
        return [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]

    evaluation = evaluate([picture], [make_oracle(brightest)])
    scene, sighting = evaluation.scenes[0], evaluation.runs[0].sightings[0]
    assert (scene.width, scene.height) == ((320, 200) if orientation < 5 else (200, 320))
    assert sighting.shown.boxes.tolist() == scene.faces.tolist()


def test_a_package_is_run_as_the_device_runs_it(make_picture: Make) -> None:
    evaluation = evaluate([make_picture("a.jpg")], [open_package("face-haar")])
    assert evaluation.runs[0].sightings[0].covered[0] > 0.9


def test_detections_in_fractions_are_refused(make_picture: Make, make_oracle: MakeOracle) -> None:
    fractions = make_oracle(lambda _pixels: [[value / 320 for value in FACE]])
    with pytest.raises(LabError, match="oracle: The detections look like fractions"):
        evaluate([make_picture("a.jpg")], [fractions])


def test_faces_in_fractions_are_refused(make_picture: Make, make_oracle: MakeOracle) -> None:
    picture = make_picture("a.jpg", boxes=np.array([FACE]) / 320)
    with pytest.raises(LabError, match=r"a\.jpg: The faces .* look like fractions"):
        evaluate([picture], [make_oracle(lambda _pixels: [])])


def test_a_picture_of_another_size_than_annotated_is_refused(
    make_picture: Make, make_oracle: MakeOracle
) -> None:
    picture = make_picture("a.jpg", width=640, height=640)
    with pytest.raises(LabError, match="not of the size"):
        evaluate([picture], [make_oracle(lambda _pixels: [])])


def test_a_picture_that_cannot_be_read_is_named(
    make_picture: Make, make_oracle: MakeOracle
) -> None:
    missing, damaged = make_picture("a.jpg"), make_picture("b.jpg")
    missing.path.unlink()
    damaged.path.write_bytes(damaged.path.read_bytes()[:1000])
    for picture in (missing, damaged):
        with pytest.raises(LabError, match=picture.path.name):
            evaluate([picture], [make_oracle(lambda _pixels: [])])


def test_a_detector_that_fails_is_named_with_the_picture(
    make_picture: Make, make_oracle: MakeOracle
) -> None:
    def fail(_pixels: object) -> list[list[float]]:
        raise ZeroDivisionError

    with pytest.raises(LabError, match=r"oracle failed on .*a\.jpg: ZeroDivisionError"):
        evaluate([make_picture("a.jpg")], [make_oracle(fail)])


def test_detectors_are_asked_for_all_but_the_least_likely(
    make_picture: Make, make_oracle: MakeOracle
) -> None:
    rows = [[*FACE, LOWEST_SCORE], [*FACE, LOWEST_SCORE / 2]]
    evaluation = evaluate([make_picture("a.jpg")], [make_oracle(lambda _pixels: rows)])
    assert len(evaluation.runs[0].sightings[0].ranked.scores) == 1
