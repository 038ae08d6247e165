"""From cameras to what may leave the device: faces found, followed and destroyed, people counted.

`DoorPipeline` is what the rooms above use. No picture comes out of this room that has not been
blurred, and where faces cannot be told the whole frame is covered.
"""

from lintel.edge.pipeline.camera import CameraPipeline, PipelineStatus, Slot, Source
from lintel.edge.pipeline.clerk import series_name
from lintel.edge.pipeline.counting import Direction
from lintel.edge.pipeline.door import DoorPipeline, check_cameras
from lintel.edge.pipeline.event_file import Event, EventKind
from lintel.edge.pipeline.events import EventLog, Told
from lintel.edge.pipeline.results import (
    BlurredPicture,
    FrameResult,
    FrameTimes,
    MaskVerdict,
    Reason,
    Stage,
    TrackedFace,
)
from lintel.edge.pipeline.tally import DayCounts
from lintel.edge.pipeline.viewers import Subscription

__all__ = [
    "BlurredPicture",
    "CameraPipeline",
    "DayCounts",
    "Direction",
    "DoorPipeline",
    "Event",
    "EventKind",
    "EventLog",
    "FrameResult",
    "FrameTimes",
    "MaskVerdict",
    "PipelineStatus",
    "Reason",
    "Slot",
    "Source",
    "Stage",
    "Subscription",
    "Told",
    "TrackedFace",
    "check_cameras",
    "series_name",
]
