"""Clusters of faces, held to labels that are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.edge.packages import MASK_LABELS
from lintel.lab.clustering import Clustering, Features, cluster_faces, draw_clusters
from lintel.lab.errors import LabError
from lintel.lab.training.faces import Face


def features_of(vectors: NDArray[np.float64], faces: tuple[Face, ...]) -> Features:
    crops = np.zeros((len(faces), 8, 8, 3), np.uint8)
    return Features("given", "given vectors", faces, crops, vectors.astype(np.float32), ())


def directions(faces: tuple[Face, ...], spread: float) -> NDArray[np.float64]:
    """A direction of its own for each label, and chance besides."""
    random = np.random.default_rng(0)
    wanted = np.eye(6)[[MASK_LABELS.index(face.label) for face in faces]]
    return np.asarray(wanted + random.normal(0, spread, wanted.shape))


@pytest.fixture
def clear(faces: tuple[Face, ...]) -> Clustering:
    return cluster_faces(features_of(directions(faces, 0.02), faces))


def test_what_lies_apart_is_told_apart_by_both_methods(clear: Clustering) -> None:
    assert [one.method for one in clear.methods] == ["k-means", "Gaussian mixture"]
    for one in clear.methods:
        assert (one.accuracy, one.rand_index) == (1, 1)
        assert one.silhouette > 0.9
        # The largest first.
        assert one.matches[0] == "with_mask"
        assert sorted(one.matches) == sorted(MASK_LABELS)
        assert one.counts.tolist()[0] == [12, 0, 0]
        assert [one.counts[number].max() for number in one.members] == [
            one.counts[number].sum() for number in one.members
        ]
    assert clear.majority == 0.5
    assert clear.explained >= 0.95


def test_chance_is_told_as_such(faces: tuple[Face, ...]) -> None:
    random = np.random.default_rng(1).normal(0, 1, (len(faces), 6))
    for one in cluster_faces(features_of(random, faces)).methods:
        assert abs(one.rand_index) < 0.25
        assert one.accuracy < 0.8


def test_a_cluster_more_than_labels_stands_for_none(faces: tuple[Face, ...]) -> None:
    vectors = directions(faces, 0.01)
    # Two kinds of well-worn masks.
    vectors[::8] = np.eye(6)[5]
    for one in cluster_faces(features_of(vectors, faces), count=4).methods:
        assert len(one.counts) == 4
        assert one.matches.count("") == 1
        assert one.accuracy < 1


def test_the_same_seed_gives_the_same_clusters(faces: tuple[Face, ...]) -> None:
    features = features_of(directions(faces, 0.6), faces)
    first, same = (cluster_faces(features, seed=3) for _ in range(2))
    for one, other in zip(first.methods, same.methods, strict=True):
        assert one.members.tolist() == other.members.tolist()


def test_length_of_vectors_does_not_count(faces: tuple[Face, ...]) -> None:
    vectors = directions(faces, 0.02)
    vectors *= np.random.default_rng(4).uniform(0.1, 10, (len(vectors), 1))
    assert all(one.accuracy == 1 for one in cluster_faces(features_of(vectors, faces)).methods)


def test_what_cannot_be_clustered_is_told(faces: tuple[Face, ...]) -> None:
    with pytest.raises(LabError, match="too few for 3 clusters"):
        cluster_faces(features_of(directions(faces[:5], 0.1), faces[:5]))
    with pytest.raises(LabError, match="All vectors are the same"):
        cluster_faces(features_of(np.ones((len(faces), 6)), faces))
    worn = tuple(face for face in faces if face.label == "with_mask")
    with pytest.raises(LabError, match="say how many clusters"):
        cluster_faces(features_of(directions(worn, 0.1), worn))
    assert len(cluster_faces(features_of(directions(worn, 0.1), worn), count=2).methods) == 2


def test_every_cluster_has_its_picture(clear: Clustering) -> None:
    sheets = draw_clusters(clear, clear.methods[0])
    assert [sheet.number for sheet in sheets] == [1, 2, 3]
    assert [sum(sheet.counts) for sheet in sheets] == [12, 6, 6]
    assert all(sheet.shown == sum(sheet.counts) for sheet in sheets)
    assert all(sheet.image.startswith("data:image/jpeg;base64,") for sheet in sheets)
