"""The JSON document that an event is sent as."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as some

from lintel.edge.config import notify
from lintel.edge.notify import documents
from lintel.edge.pipeline import Event, EventKind, MaskVerdict
from lintel.edge.tasks.masks import MaskState

EVENTS = some.builds(
    Event,
    sequence_number=some.integers(1, 1 << 53),
    timestamp_us=some.integers(0, 1 << 52),
    kind=some.sampled_from(EventKind),
    camera=some.from_regex("[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True),
    track_id=some.integers(0, 1 << 53),
    place=some.from_regex("[a-z0-9_-]{0,32}", fullmatch=True),
)


def test_verdicts_have_names() -> None:
    verdict = MaskVerdict(MaskState.NOT_WORN, (0.1, 0.7, 0.2))
    event = Event(7, 1_800_000_000_123_456, EventKind.MASK_MISSING, "door", 3, verdict)
    assert json.loads(documents.write(event, 0, None)) == {
        "sequence_number": 7,
        "timestamp_us": 1_800_000_000_123_456,
        "time": "2027-01-15T08:00:00.123Z",
        "kind": "mask-missing",
        "camera": "door",
        "track_id": 3,
        "mask": {
            "state": "without_mask",
            "probabilities": {"with_mask": 0.1, "without_mask": 0.7, "incorrect_mask": 0.2},
        },
    }


@given(EVENTS, some.integers(0, 1 << 53))
def test_every_event_can_be_written(event: Event, missed: int) -> None:
    document = json.loads(documents.write(event, missed, None))
    assert document["sequence_number"] == event.sequence_number
    assert document["kind"] == event.kind
    assert document.get("missed_events", 0) == missed
    assert document.get("track_id", 0) == event.track_id
    assert document.get("place", "") == event.place


def test_nothing_is_sent_anywhere_by_default() -> None:
    assert (notify.Mqtt().host, notify.Webhook().url) == ("", "")
    assert not notify.Mqtt().pictures
    assert not notify.Webhook().pictures
