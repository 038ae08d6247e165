"""Faces put into groups by what they look like, without a label, and held to the labels then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lintel.edge.packages import MASK_LABELS
from lintel.lab.clustering.features import Features
from lintel.lab.errors import LabError

Vectors: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[np.int64]

KEPT_VARIANCE = 0.95
MOST_COMPONENTS = 50
# A silhouette compares every pair: no more faces than that, drawn by lot.
_MOST_COMPARED = 3000
_ATTEMPTS = 5
# Keeps a cluster of very few faces from becoming a point.
_LEAST_SPREAD = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """What one method makes of faces.

    Attributes:
        method: Its name.
        members: Shape (N,), the cluster of each face by number, the largest first.
        counts: Shape (K, 3), faces of each cluster by label, columns in the order of MASK_LABELS.
        silhouette: From -1 to 1 (P. Rousseeuw, 1987): how much nearer faces are to their own
            cluster than to the next; knows of no labels.
        rand_index: Adjusted for chance (L. Hubert and P. Arabie, 1985): 1 where clusters are the
            labels, 0 where they have nothing to do with them.
        accuracy: Share of right labels, where each cluster stands for a label of its own, those
            that fit best (H. Kuhn's Hungarian method, 1955).
        matches: For each cluster the label that it stands for, or "".
    """

    method: str
    members: Numbers
    counts: NDArray[np.int64]
    silhouette: float
    rand_index: float
    accuracy: float
    matches: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Faces in the plane of their largest differences, and what methods make of them.

    Attributes:
        features: The faces as vectors.
        components: Shape (N, C), along the principal components, the largest first.
        explained: Share of the variance that these keep.
        methods: What each method makes of them.
        majority: Share of the commonest label: the accuracy of a single cluster.
    """

    features: Features
    components: Vectors
    explained: float
    methods: tuple[Clusters, ...]
    majority: float


def cluster_faces(features: Features, count: int = 0, seed: int = 0) -> Clustering:
    """Groups faces by k-means and by a mixture of Gaussians.

    Vectors are brought to length 1, and to the principal components that keep 95 % of the
    variance, 50 at most. The Gaussians of the mixture share one shape: with features of a trained
    model that came nearer to the labels than k-means, spectral clustering and Ward's method.

    Args:
        features: The faces as vectors.
        count: How many clusters; 0: as many as there are labels.
        seed: Of all that is left to chance.

    Raises:
        LabError: There are too few faces for so many clusters, or all are alike.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 -- slow to import
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 -- comes with scikit-learn

    labels = np.array([MASK_LABELS.index(face.label) for face in features.faces], np.int64)
    count = count or len(np.unique(labels))
    if count < 2:
        raise LabError("All faces have one label: say how many clusters there are to be.")
    mixture = GaussianMixture(
        count, covariance_type="tied", n_init=_ATTEMPTS, reg_covar=_LEAST_SPREAD, random_state=seed
    )
    methods: dict[str, Callable[[Vectors], Any]] = {
        "k-means": KMeans(count, n_init=_ATTEMPTS, random_state=seed).fit_predict,
        "Gaussian mixture": mixture.fit_predict,
    }
    # The matrices are small: threads would spend their time on waiting for each other.
    with threadpool_limits(1):
        components, explained = _reduce(features.vectors, count, seed)
        found = tuple(
            _measure(name, np.asarray(group(components), np.int64), labels, components, seed)
            for name, group in methods.items()
        )
    majority = float(np.bincount(labels).max() / len(labels))
    return Clustering(features, components, explained, found, majority)


def _reduce(vectors: NDArray[np.float32], count: int, seed: int) -> tuple[Vectors, float]:
    """Returns the principal components, (N, C), and the share of the variance that they keep."""
    from sklearn.decomposition import PCA  # noqa: PLC0415 -- slow to import
    from sklearn.preprocessing import normalize  # noqa: PLC0415

    if len(vectors) < 2 * count:
        raise LabError(f"{len(vectors)} faces are too few for {count} clusters.")
    scaled = normalize(vectors.astype(np.float64))
    if np.allclose(scaled, scaled[0], atol=1e-9):
        raise LabError("All vectors are the same: there is nothing to cluster by.")
    most = min(MOST_COMPONENTS, *scaled.shape)
    analysis = PCA(most, svd_solver="randomized", random_state=seed).fit(scaled)
    sums = analysis.explained_variance_ratio_.cumsum()
    kept = int(np.searchsorted(sums, KEPT_VARIANCE) + 1)
    kept = max(min(kept, most), min(2, most))
    return np.asarray(analysis.transform(scaled)[:, :kept]), float(sums[kept - 1])


def _measure(
    name: str, members: Numbers, labels: Numbers, components: Vectors, seed: int
) -> Clusters:
    from scipy import optimize  # noqa: PLC0415 -- slow to import
    from sklearn import metrics  # noqa: PLC0415

    members = _largest_first(members)
    counts = np.zeros((int(members.max()) + 1, len(MASK_LABELS)), np.int64)
    np.add.at(counts, (members, labels), 1)
    rows, columns = optimize.linear_sum_assignment(counts, maximize=True)
    found = {int(row): MASK_LABELS[column] for row, column in zip(rows, columns, strict=True)}
    silhouette = float("nan")
    if len(counts) > 1:
        most = min(_MOST_COMPARED, len(labels))
        silhouette = float(
            metrics.silhouette_score(components, members, sample_size=most, random_state=seed)
        )
    return Clusters(
        name,
        members,
        counts,
        silhouette,
        float(metrics.adjusted_rand_score(labels, members)),
        float(counts[rows, columns].sum() / len(labels)),
        tuple(found.get(number, "") for number in range(len(counts))),
    )


def _largest_first(members: Numbers) -> Numbers:
    """Numbers clusters anew, by falling size; those without a face are gone."""
    numbers, counts = np.unique(members, return_counts=True)
    order = numbers[np.argsort(-counts, kind="stable")]
    places = np.empty(int(numbers.max()) + 1, np.int64)
    places[order] = np.arange(len(order))
    return places[members]
