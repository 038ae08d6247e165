"""Series of counts that the device keeps: by the minute, rolled up to hours and days.

`Recorder` is what the rooms above use; `SeriesStore` is the file behind it.
"""

from lintel.edge.series.clock import EARLIEST_S, Clock
from lintel.edge.series.counts import Count
from lintel.edge.series.opening import ensure_kept, open_recorder
from lintel.edge.series.places import default_path, device_zone, zone_name
from lintel.edge.series.recorder import Recorder
from lintel.edge.series.steps import LocalSteps, Resolution
from lintel.edge.series.store import Retention, SeriesStore, SeriesSummary, Stretch

__all__ = [
    "EARLIEST_S",
    "Clock",
    "Count",
    "LocalSteps",
    "Recorder",
    "Resolution",
    "Retention",
    "SeriesStore",
    "SeriesSummary",
    "Stretch",
    "default_path",
    "device_zone",
    "ensure_kept",
    "open_recorder",
    "zone_name",
]
