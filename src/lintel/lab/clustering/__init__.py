"""Clusters: faces put into groups by features, and held to their labels."""

from lintel.lab.clustering.features import (
    HISTOGRAMS,
    PIXELS,
    Extractor,
    Features,
    extract_features,
    open_extractor,
)
from lintel.lab.clustering.grouping import Clustering, Clusters, cluster_faces
from lintel.lab.clustering.report import to_html, to_json, to_text
from lintel.lab.clustering.sheets import ClusterSheet, draw_clusters

__all__ = [
    "HISTOGRAMS",
    "PIXELS",
    "ClusterSheet",
    "Clustering",
    "Clusters",
    "Extractor",
    "Features",
    "cluster_faces",
    "draw_clusters",
    "extract_features",
    "open_extractor",
    "to_html",
    "to_json",
    "to_text",
]
