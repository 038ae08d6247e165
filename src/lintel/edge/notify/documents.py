"""The JSON document that an event is sent as."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from lintel.edge.packages import MASK_LABELS
from lintel.edge.pipeline import Event, FrameResult
from lintel.edge.tasks.masks import MaskState

# As the command line and the clients write them.
STATES = {
    MaskState.WORN: MASK_LABELS[0],
    MaskState.NOT_WORN: MASK_LABELS[1],
    MaskState.WORN_INCORRECTLY: MASK_LABELS[2],
    MaskState.UNSURE: "unsure",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MaskDocument(Struct):
    """What is said of a mask; see pipeline.MaskVerdict."""

    state: str
    probabilities: dict[str, float]


class PictureDocument(Struct):
    """A blurred picture, taken when the event happened or up to seconds later."""

    timestamp_us: int
    media_type: str
    base64: str


class EventDocument(Struct, omit_defaults=True):
    """An event; see pipeline.Event. What does not apply is left out.

    Attributes:
        time: The same as `timestamp_us`, in ISO 8601.
        missed_events: Events before this one that were never told, for too many waited.
    """

    sequence_number: int
    timestamp_us: int
    time: str
    kind: str
    camera: str
    track_id: int = 0
    place: str = ""
    mask: MaskDocument | None = None
    missed_events: int = 0
    picture: PictureDocument | None = None


def write(event: Event, missed: int, frame: FrameResult | None) -> bytes:
    """Writes an event as JSON.

    Args:
        event: The event.
        missed: Events before it that were never told.
        frame: Whose blurred picture goes along; None: none.

    Raises:
        LintelError: The picture cannot be encoded.
    """
    mask = None
    if event.mask is not None:
        probabilities = zip(MASK_LABELS, event.mask.probabilities, strict=True)
        rounded = {name: round(probability, 4) for name, probability in probabilities}
        mask = MaskDocument(STATES[event.mask.state], rounded)
    moment = _EPOCH + timedelta(microseconds=event.timestamp_us)
    document = EventDocument(
        sequence_number=event.sequence_number,
        timestamp_us=event.timestamp_us,
        time=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        kind=event.kind,
        camera=event.camera,
        track_id=event.track_id,
        place=event.place,
        mask=mask,
        missed_events=missed,
        picture=_write_picture(frame) if frame is not None else None,
    )
    return msgspec.json.encode(document)


def _write_picture(frame: FrameResult) -> PictureDocument:
    data = base64.b64encode(frame.picture.jpeg()).decode()
    return PictureDocument(frame.captured_us, "image/jpeg", data)
