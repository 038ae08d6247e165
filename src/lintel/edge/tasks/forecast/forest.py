"""Gradient-boosted trees as arrays: a row through all trees at once, without their library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.edge.tasks.forecast.series import Floats


@dataclass(frozen=True, eq=False)
class Forest:
    """Regression trees, end to end.

    One row costs XGBoost some 0.25 ms, most of it before the first tree is reached; this a third
    of that, which counts where 24 steps are forecast one after the other.

    Attributes:
        roots: int64 (T,), where each tree begins.
        depth: Most splits from a root to a leaf.
        features: int64 (N,), which feature a node looks at.
        bounds: float32 (N,), it goes to the first child below this.
        children: int64 (N, 2); a leaf is its own child.
        missing: int64 (N,), which child a missing value goes to: 0 or 1.
        values: float64 (N,), of the leaves.
        intercept: Added to the sum of the leaves.
    """

    roots: NDArray[np.int64]
    depth: int
    features: NDArray[np.int64]
    bounds: NDArray[np.float32]
    children: NDArray[np.int64]
    missing: NDArray[np.int64]
    values: Floats
    intercept: float

    @classmethod
    def from_xgboost(cls, document: bytes) -> Forest:
        """Reads a model that XGBoost has written.

        Args:
            document: What `Booster.save_raw("json")` returns, of a regression by trees.
        """
        learner = json.loads(document)["learner"]
        trees = learner["gradient_booster"]["model"]["trees"]
        sizes = [len(tree["left_children"]) for tree in trees]
        roots = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        children = np.concatenate(
            [_children(tree, root) for tree, root in zip(trees, roots, strict=True)]
        )
        bounds = _joined(trees, "split_conditions", np.float32)
        return cls(
            roots=roots,
            depth=_depth(children, roots),
            features=_joined(trees, "split_indices", np.int64),
            bounds=bounds,
            children=children,
            missing=1 - _joined(trees, "default_left", np.int64),
            # XGBoost keeps a leaf's value where another node has its bound.
            values=bounds.astype(np.float64),
            # Later versions write one a target, in brackets.
            intercept=float(learner["learner_model_param"]["base_score"].strip("[]")),
        )

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """Sums up the leaves that rows end in.

        Args:
            features: float32 (M, F), NaN where missing.

        Returns:
            float64 (M,).
        """
        rows = np.arange(len(features))[:, None]
        nodes = np.broadcast_to(self.roots, (len(features), len(self.roots)))
        for _ in range(self.depth):
            values = features[rows, self.features[nodes]]
            second = np.where(
                np.isnan(values), self.missing[nodes], (values >= self.bounds[nodes]).view(np.int8)
            )
            nodes = self.children[nodes, second]
        return np.asarray(self.values[nodes].sum(axis=1) + self.intercept)


def _children(tree: dict[str, Any], root: int) -> NDArray[np.int64]:
    children = np.stack([tree["left_children"], tree["right_children"]], axis=1).astype(np.int64)
    itself = np.arange(len(children))[:, None]
    return np.asarray(np.where(children < 0, itself, children) + root)


def _depth(children: NDArray[np.int64], roots: NDArray[np.int64]) -> int:
    depth, nodes = 0, roots
    while len(nodes := np.setdiff1d(children[nodes], nodes)):
        depth += 1
    return depth


def _joined(trees: Sequence[dict[str, Any]], key: str, dtype: type) -> NDArray[Any]:
    return np.concatenate([np.asarray(tree[key]).astype(dtype) for tree in trees])
