"""Classifiers shown faces: in order, upright, and held to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.mask_packages import expected

from lintel.edge.errors import InferenceFailedError
from lintel.edge.packages import MASK_LABELS
from lintel.lab.classification import classify_faces, open_classifier
from lintel.lab.errors import LabError
from lintel.lab.training.faces import Face

MakeOracle = Callable[..., Any]


def test_every_face_is_judged_in_its_place(
    faces: tuple[Face, ...], make_oracle: MakeOracle, package: Path
) -> None:
    done: list[int] = []
    oracle, packaged = make_oracle(), open_classifier(str(package))
    result = classify_faces(faces, [oracle, packaged], progress=done.append)
    assert result.faces == faces
    assert [run.name for run in result.runs] == ["oracle", "mask@only"]
    assert result.truth.tolist() == [MASK_LABELS.index(face.label) for face in faces]
    for run in result.runs:
        assert run.probabilities.argmax(axis=1).tolist() == result.truth.tolist()
        assert run.cpu_ms >= 0
    assert result.runs[1].probabilities == pytest.approx(result.runs[0].probabilities, abs=1e-5)
    assert done == list(range(2, len(faces) + 1, 2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_turned_upright_with_their_pictures(
    tmp_path: Path, make_oracle: MakeOracle, orientation: int
) -> None:
    stored = np.zeros((60, 90, 3), np.uint8)
    stored[10:30, 50:80] = (220, 60, 30)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    face = Face(tmp_path / "a.png", "without_mask", (50, 10, 80, 30), 0, (90, 60), 100.0)
    told = classify_faces([face], [make_oracle()]).runs[0].probabilities
    assert told[0] == pytest.approx(expected((30, 60, 220)))


def test_a_picture_that_cannot_be_read_is_left_out_and_told(
    faces: tuple[Face, ...], make_oracle: MakeOracle
) -> None:
    faces[0].path.write_bytes(b"no picture")
    faces[2].path.unlink()
    result = classify_faces(faces, [make_oracle()])
    assert result.faces == faces[4:]
    assert len(result.runs[0].probabilities) == len(faces) - 4
    assert [sentence.split(": ")[0] for sentence in result.left_out] == [
        str(faces[0].path), str(faces[2].path)
    ]  # fmt: skip
    with pytest.raises(LabError, match="No picture can be read"):
        classify_faces(faces[:2], [make_oracle()])


@pytest.mark.parametrize("told", [[[0.5, 0.5]], [[0.5, 0.5, 0.5]], [[np.nan, 0, 1]], [[2, -1, 0]]])
def test_what_are_no_probabilities_is_refused(faces: tuple[Face, ...], told: Any) -> None:
    class Liar:
        name = details = "liar"

        def classify(self, _pixels: object, boxes: Any) -> Any:
            return np.array(told * len(boxes))

    with pytest.raises(LabError, match="liar gave what are no probabilities"):
        classify_faces(faces, [Liar()])


def test_a_model_that_is_not_there_or_judges_no_masks_is_told(faces: tuple[Face, ...]) -> None:
    with pytest.raises(LabError, match="face-haar is no mask model"):
        open_classifier("face-haar")
    with pytest.raises(LabError, match=r"There is no file nowhere\.keras"):
        open_classifier("nowhere.keras")
    with pytest.raises(LabError, match="There is no model package nowhere"):
        open_classifier("nowhere")


def test_a_classifier_that_fails_is_named_with_the_picture(faces: tuple[Face, ...]) -> None:
    class Broken:
        name = details = "broken"

        def classify(self, _pixels: object, _boxes: object) -> Any:
            raise InferenceFailedError("The mask model failed on this picture.")

    with pytest.raises(LabError, match=r"broken failed on .*train-0\.png: The mask model failed"):
        classify_faces(faces, [Broken()])
