"""lintel.v1.EventService: what happens at the door, from where the caller left it."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from lintel.edge.errors import CameraNotFoundError, NotServingError
from lintel.edge.pipeline import DoorPipeline, Event, EventKind
from lintel.edge.service import messages
from lintel.v1 import event_pb2, event_pb2_grpc

KINDS = {
    event_pb2.EVENT_KIND_PERSON_ENTERED: EventKind.PERSON_ENTERED,
    event_pb2.EVENT_KIND_PERSON_LEFT: EventKind.PERSON_LEFT,
    event_pb2.EVENT_KIND_MASK_MISSING: EventKind.MASK_MISSING,
    event_pb2.EVENT_KIND_MASK_INCORRECT: EventKind.MASK_INCORRECT,
    event_pb2.EVENT_KIND_CAMERA_LOST: EventKind.CAMERA_LOST,
    event_pb2.EVENT_KIND_CAMERA_BACK: EventKind.CAMERA_BACK,
}
KIND_NUMBERS = {kind: number for number, kind in KINDS.items()}
# A caller who left is noticed so much later.
PATIENCE_S = 0.5


class EventServicer(event_pb2_grpc.EventServiceServicer):
    """Serves the events of the door.

    Args:
        door: Where they happen; None where the device has no cameras.
    """

    def __init__(self, door: DoorPipeline | None) -> None:
        self._door = door
        self._draining = False

    def StreamEvents(  # noqa: N802 - the contract's name
        self, request: event_pb2.StreamEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[event_pb2.StreamEventsResponse]:
        """Sends events until the caller leaves."""
        if self._door is None:
            raise CameraNotFoundError("The device has no cameras, and so no events.")
        log = self._door.events
        kinds, cameras = _read_kinds(request), _read_cameras(request, self._door)
        position = log.last_sequence_number
        if request.HasField("after_sequence_number"):
            position = min(position, request.after_sequence_number)
        yield event_pb2.StreamEventsResponse(sequence_number=position)
        missed = 0
        while context.is_active():
            told = log.next(position, PATIENCE_S)
            if told is None:
                if self._draining:
                    raise NotServingError("The device is shutting down.", retry_after_s=1.0)
                continue
            position = told.event.sequence_number
            missed += told.missed
            if _is_wanted(told.event.kind, kinds) and _is_wanted(told.event.camera, cameras):
                yield event_pb2.StreamEventsResponse(
                    event=write_event(told.event), missed_events=missed, sequence_number=position
                )
                missed = 0

    def drain(self) -> None:
        """Ends every stream, with the word that the device is shutting down."""
        self._draining = True


def _is_wanted(item: str, wanted: frozenset[str]) -> bool:
    return not wanted or item in wanted


def _read_cameras(request: event_pb2.StreamEventsRequest, door: DoorPipeline) -> frozenset[str]:
    for index, name in enumerate(request.cameras):
        if name not in door.cameras:
            raise messages.unknown_camera(door.cameras, f"cameras[{index}]")
    return frozenset(request.cameras)


def _read_kinds(request: event_pb2.StreamEventsRequest) -> frozenset[EventKind]:
    return frozenset(
        messages.choose(KINDS, number, f"kinds[{index}]")
        for index, number in enumerate(request.kinds)
    )


def write_event(event: Event) -> event_pb2.Event:
    """Writes an event."""
    return event_pb2.Event(
        sequence_number=event.sequence_number,
        timestamp_us=event.timestamp_us,
        kind=KIND_NUMBERS[event.kind],
        camera=event.camera,
        track_id=event.track_id,
        mask=messages.write_verdict(*event.mask) if event.mask is not None else None,
        place=event.place,
    )
