"""A picture in, verdicts out: what is found, what is right of it, and what counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.lab.annotations import read_index
from lintel.lab.classification import EndToEnd, run_end_to_end
from lintel.lab.errors import LabError
from lintel.lab.evaluation import Found, Protocol

MakeOracle = Callable[..., Any]
LEFT, RIGHT = [24, 24, 72, 72], [120, 24, 168, 72]
BARE = (30, 60, 220)


class Finder:
    """Finds the same in every picture: boxes with their scores."""

    name = details = "finder"
    default_score = cover_score = 0.3

    def __init__(self, *found: list[float]) -> None:
        self._found = np.array(found, np.float32).reshape(-1, 5)

    def detect(self, _pixels: object, min_score: float) -> Found:
        kept = self._found[self._found[:, 4] >= min_score]
        return Found(kept[:, :4], kept[:, 4])


def at(results: tuple[EndToEnd, ...], least: float, source: str = "all") -> EndToEnd:
    [found] = [one for one in results if (one.least_score, one.source) == (least, source)]
    return found


def test_what_is_found_and_right_is_counted_by_threshold(
    index: Path, make_oracle: MakeOracle
) -> None:
    pictures = [picture for picture in read_index(index) if picture.split == "val"]
    finder = Finder([*LEFT, 0.9], [*RIGHT, 0.25], [80, 0, 110, 20, 0.6])
    results = run_end_to_end(pictures, finder, make_oracle(), Protocol())
    labels = [label for picture in pictures for label in picture.labels]
    left = labels[::2]
    plain = sum(label != "mask_weared_incorrect" for label in labels)
    all_found = at(results, 0.2)
    assert (all_found.faces, all_found.all_faces) == (plain, len(labels))
    assert (all_found.found, all_found.right, all_found.right_of_three) == (1, 1, 1)
    assert (all_found.right_interval.low, all_found.right_interval.high) == (1, 1)
    assert all_found.alarms == 1
    half = at(results, 0.3)
    left_plain = sum(label != "mask_weared_incorrect" for label in left)
    assert half.found == half.right == pytest.approx(left_plain / plain)
    assert half.right_of_three == 0.5
    assert half.right_interval.low <= half.right <= half.right_interval.high
    # Of each source half the pictures.
    assert at(results, 0.2, "one").all_faces + at(results, 0.2, "two").all_faces == len(labels)


def test_found_and_told_wrong_is_not_right(index: Path, make_oracle: MakeOracle) -> None:
    pictures = [picture for picture in read_index(index) if picture.split == "val"]
    finder = Finder([*LEFT, 0.9], [*RIGHT, 0.9])
    told = at(run_end_to_end(pictures, finder, make_oracle(mistakes=[BARE]), Protocol()), 0.3)
    labels = [label for picture in pictures for label in picture.labels]
    bare, worn = labels.count("without_mask"), labels.count("with_mask")
    assert told.found == 1
    assert told.right_of_three == pytest.approx(1 - bare / len(labels))
    assert told.right in (pytest.approx(worn / (bare + worn)), 1)


def test_the_box_that_was_found_is_judged_and_not_the_labelled_one(
    index: Path, make_oracle: MakeOracle
) -> None:
    picture = read_index(index)[0]
    seen: list[list[float]] = []

    class Watcher(type(make_oracle())):  # type: ignore[misc]
        def classify(self, pixels: Any, boxes: Any) -> Any:
            seen.extend(np.asarray(boxes).tolist())
            return super().classify(pixels, boxes)

    run_end_to_end([picture], Finder([20, 20, 70, 70, 0.9]), Watcher(), Protocol())
    assert seen == [[20, 20, 70, 70]]


def test_small_and_unlabelled_faces_are_no_part_of_it(index: Path, make_oracle: MakeOracle) -> None:
    text = index.read_text().replace(",with_mask,", ",,")
    index.write_text(text)
    pictures = read_index(index)
    finder = Finder([*LEFT, 0.9], [*RIGHT, 0.9])
    told = at(run_end_to_end(pictures, finder, make_oracle(), Protocol()), 0.3)
    labels = [label for picture in pictures for label in picture.labels]
    assert told.all_faces == sum(label != "" for label in labels)
    assert told.alarms == 0
    # 48 of 192 pixels are 160 of 640.
    none_left = at(run_end_to_end(pictures, finder, make_oracle(), Protocol(smallest=161)), 0.3)
    assert none_left.all_faces == 0
    assert np.isnan(none_left.right)


def test_without_labels_there_is_nothing_to_tell(index: Path, make_oracle: MakeOracle) -> None:
    for label in ("with_mask", "without_mask", "mask_weared_incorrect"):
        index.write_text(index.read_text().replace(f",{label},", ",face,"))
    with pytest.raises(LabError, match="No face has a label of masks"):
        run_end_to_end(read_index(index), Finder(), make_oracle(), Protocol())
