"""Pictures of clusters."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lintel.edge.packages import MASK_LABELS
from lintel.lab.clustering.grouping import Clustering, Clusters
from lintel.lab.inspection.contact_sheet import colour_of, colours_of, draw_sheet

TILE = 72
COLUMNS = 12
MOST_TILES = 36
_LINE = 4

LABEL_COLOURS = colours_of(MASK_LABELS)


@dataclass(frozen=True, slots=True)
class ClusterSheet:
    """A cluster to look at.

    Attributes:
        number: Of the cluster, from 1.
        label: The label that it stands for, or "".
        counts: How many faces of each label it has, in the order of MASK_LABELS.
        shown: How many faces are on the picture.
        image: A data URL: faces drawn by lot, framed in the colours of their labels.
    """

    number: int
    label: str
    counts: tuple[int, ...]
    shown: int
    image: str


def draw_clusters(clustering: Clustering, clusters: Clusters) -> list[ClusterSheet]:
    """Draws a contact sheet of each cluster."""
    sheets = []
    for number, counts in enumerate(clusters.counts):
        members = np.flatnonzero(clusters.members == number)
        # Always the same ones, and from everywhere: neighbours in a data set are often alike.
        chosen = np.random.default_rng(0).permutation(members)[:MOST_TILES]
        tiles = [_tile(clustering, place) for place in chosen.tolist()]
        encoded = base64.b64encode(draw_sheet(tiles, COLUMNS)).decode("ascii")
        sheets.append(
            ClusterSheet(
                number + 1,
                clusters.matches[number],
                tuple(counts.tolist()),
                len(tiles),
                f"data:image/jpeg;base64,{encoded}",
            )
        )
    return sheets


def _tile(clustering: Clustering, place: int) -> NDArray[np.uint8]:
    crop = clustering.features.crops[place]
    way = cv2.INTER_AREA if len(crop) > TILE else cv2.INTER_LINEAR
    tile = np.asarray(cv2.resize(crop, (TILE, TILE), interpolation=way), np.uint8)
    colour = colour_of(LABEL_COLOURS[clustering.features.faces[place].label])
    cv2.rectangle(tile, (0, 0), (TILE - 1, TILE - 1), colour, _LINE)
    return tile
