"""Charts of clusters, as SVG that stands in a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lintel.edge.packages import MASK_LABELS
from lintel.lab.clustering.grouping import Clustering, Clusters
from lintel.lab.clustering.sheets import LABEL_COLOURS
from lintel.lab.inspection.contact_sheet import COLOURS
from lintel.reports import in_ink, new_figure, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More points are drawn by lot: a page is to be opened in a moment.
_MOST_POINTS = 1500
# Clusters are told apart by marks as well as by colours.
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


@in_ink
def draw_labels(clustering: Clustering) -> str:
    """Draws faces along the first two components, coloured by label.

    Returns:
        SVG.
    """
    figure, axes = new_figure(4.1, 4.3)
    labels = np.array([face.label for face in clustering.features.faces])
    chosen = _chosen(clustering)
    for label in MASK_LABELS:
        which = chosen[labels[chosen] == label]
        _scatter(axes, clustering, which, LABEL_COLOURS[label], "o", label)
    axes.set(xlabel="first principal component", ylabel="second")
    figure.legend(frameon=False, fontsize=8, loc="outside lower center")
    return to_svg(figure, f"labels {clustering.features.name}")


@in_ink
def draw_clusters_plane(clustering: Clustering, clusters: Clusters) -> str:
    """Draws faces along the first two components, by cluster.

    Returns:
        SVG.
    """
    figure, axes = new_figure(4.1, 4.3)
    chosen = _chosen(clustering)
    for number, match in enumerate(clusters.matches):
        which = chosen[clusters.members[chosen] == number]
        colour = LABEL_COLOURS.get(match) or COLOURS[(len(MASK_LABELS) + number) % len(COLOURS)]
        name = f"cluster {number + 1}" + (f", as {match}" if match else "")
        _scatter(axes, clustering, which, colour, _MARKS[number % len(_MARKS)], name)
    axes.set(xlabel="first principal component", ylabel="second")
    figure.legend(frameon=False, fontsize=8, loc="outside lower center")
    return to_svg(figure, f"clusters {clustering.features.name} {clusters.method}")


def _chosen(clustering: Clustering) -> np.ndarray:
    everything = np.random.default_rng(0).permutation(len(clustering.components))
    return np.sort(everything[:_MOST_POINTS])


def _scatter(
    axes: Axes, clustering: Clustering, which: np.ndarray, colour: str, mark: str, name: str
) -> None:
    points = clustering.components[which]
    second = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
    axes.scatter(
        points[:, 0], second, s=14, c=colour, marker=mark, alpha=0.65, linewidths=0, label=name
    )
