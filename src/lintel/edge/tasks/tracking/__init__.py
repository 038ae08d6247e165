"""Following faces from frame to frame, so that covers hold where the detector misses.

A tracker of our own: norfair, motpy, supervision and trackers all bring SciPy (143 MB), which
nothing else on the device needs, for a few boxes a frame.
"""

from lintel.edge.tasks.tracking.tracker import (
    Box,
    Track,
    Tracker,
    TrackingOptions,
    covers_between,
)

__all__ = ["Box", "Track", "Tracker", "TrackingOptions", "covers_between"]
