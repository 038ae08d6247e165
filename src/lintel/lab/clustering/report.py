"""The report of clusters: one page that needs nothing else, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from lintel.edge.packages import MASK_LABELS
from lintel.lab.clustering.charts import draw_clusters_plane, draw_labels
from lintel.lab.clustering.grouping import KEPT_VARIANCE, MOST_COMPONENTS, Clustering
from lintel.lab.clustering.sheets import LABEL_COLOURS, draw_clusters
from lintel.reports import Table, render_page

PROTOCOL = (
    "Vectors are brought to length 1 and to their principal components, as many as keep"
    f" {100 * KEPT_VARIANCE:.0f} % of the variance, {MOST_COMPONENTS} at most; the labels are used"
    " to judge clusters only. Accuracy: each cluster stands for a label of its own, those that fit"
    " best; a single cluster would have that of the commonest label. The Rand index is adjusted"
    " for chance: 0 has nothing to do with the labels, 1 is the labels. The silhouette, -1 to 1,"
    " knows of none."
)


def figures_table(clusterings: Sequence[Clustering]) -> Table:
    """Tells what each method makes of each kind of features."""
    rows = [
        (
            each.features.name,
            one.method,
            str(len(each.features.faces)),
            f"{each.components.shape[1]} ({100 * each.explained:.0f} %)",
            str(len(one.counts)),
            f"{one.silhouette:.3f}",
            f"{one.rand_index:.3f}",
            f"{one.accuracy:.4f}",
            f"{each.majority:.4f}",
        )
        for each in clusterings
        for one in each.methods
    ]
    heads = (
        *("features", "method", "faces", "components", "clusters"),
        *("silhouette", "adjusted Rand index", "accuracy", "commonest label"),
    )
    return Table("Clusters against labels", heads, tuple(rows))


def members_table(clusterings: Sequence[Clustering]) -> Table:
    """Tells what labels the faces of each cluster have."""
    rows = [
        (
            each.features.name,
            one.method,
            f"{number + 1}",
            one.matches[number] or "-",
            *map(str, counts.tolist()),
        )
        for each in clusterings
        for one in each.methods
        for number, counts in enumerate(one.counts)
    ]
    heads = ("features", "method", "cluster", "stands for", *MASK_LABELS)
    return Table("Faces by cluster and label", heads, tuple(rows), names=4)


def to_text(clusterings: Sequence[Clustering], data: str) -> str:
    """Writes figures for the terminal."""
    details = [each.features.details for each in clusterings]
    details += [f"Left out: {one}" for each in clusterings[:1] for one in each.features.left_out]
    tables = (figures_table(clusterings), members_table(clusterings))
    return "\n\n".join([f"{data}\n{PROTOCOL}", "\n".join(details), *map(str, tables)])


def to_json(clusterings: Sequence[Clustering], data: str) -> bytes:
    """Writes figures, and the cluster of every face, as JSON."""
    content = {
        "data": data,
        "features": [
            {
                "name": each.features.name,
                "details": each.features.details,
                "components": each.components.shape[1],
                "explained": each.explained,
                "majority": each.majority,
                "left_out": each.features.left_out,
                "methods": [
                    {
                        "method": one.method,
                        "silhouette": one.silhouette,
                        "adjusted_rand_index": one.rand_index,
                        "accuracy": one.accuracy,
                        "matches": one.matches,
                        "counts": one.counts.tolist(),
                        "members": [
                            {
                                "image": str(face.path),
                                "box": face.box,
                                "label": face.label,
                                "cluster": number + 1,
                            }
                            for face, number in zip(
                                each.features.faces, one.members.tolist(), strict=True
                            )
                        ],
                    }
                    for one in each.methods
                ],
            }
            for each in clusterings
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1)


def to_html(clusterings: Sequence[Clustering], data: str) -> str:
    """Writes a page: figures, the plane of the first components, and faces of each cluster.

    Pictures of the data are embedded in it: it is to be kept as they are.
    """
    return render_page(
        "lintel.lab.clustering",
        "report.html.jinja",
        data=data,
        protocol=PROTOCOL,
        colours=LABEL_COLOURS,
        tables=[figures_table(clusterings), members_table(clusterings)],
        sections=[_section(each) for each in clusterings],
        labels=MASK_LABELS,
    )


def _section(clustering: Clustering) -> dict[str, Any]:
    return {
        "features": clustering.features,
        "labels": draw_labels(clustering),
        "methods": [
            {
                "name": one.method,
                "plane": draw_clusters_plane(clustering, one),
                "sheets": draw_clusters(clustering, one),
            }
            for one in clustering.methods
        ],
    }
