"""The settings of what is done with the frames of cameras."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lintel.edge.config.section import Section

_Fraction = Annotated[float, Meta(ge=0, le=1)]
_Point = tuple[_Fraction, _Fraction]
_PLACE_NAME = "^[a-z0-9][a-z0-9_-]{0,31}$"


class CountingLine(Section, frozen=True):
    """A line that people are counted at when they go over it."""

    name: Annotated[
        str,
        Meta(pattern=_PLACE_NAME, description="What it is called: small letters, digits, - and _."),
    ]
    start: Annotated[
        _Point,
        Meta(
            description="Where it begins: shares of the picture's width and height, [0, 0] top"
            " left."
        ),
    ]
    end: Annotated[_Point, Meta(description="Where it ends.")]
    inside: Annotated[
        _Point, Meta(description="Any point on its inner side: who goes there comes in.")
    ]


class CountingZone(Section, frozen=True):
    """A part of the picture that people are counted at when they go into it or out of it."""

    name: Annotated[
        str,
        Meta(pattern=_PLACE_NAME, description="What it is called: small letters, digits, - and _."),
    ]
    corners: Annotated[
        tuple[_Point, ...],
        Meta(
            min_length=3,
            max_length=64,
            description="Its corners in order: shares of the picture's width and height.",
        ),
    ]


class Pipeline(Section, frozen=True):
    """What is done with the frames of cameras."""

    model: Annotated[
        str, Meta(description="Name of the face model for cameras; empty: that of [faces].")
    ] = ""
    detect_every: Annotated[
        int,
        Meta(
            ge=0,
            le=8,
            description="Faces are looked for in every n-th frame; 0: as often as time allows.",
        ),
    ] = 0
    hold_back_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Milliseconds that a frame may wait for the next in which faces are looked"
            " for, where they are not in every one; longer waits are not chosen.",
        ),
    ] = 100
    hold_s: Annotated[
        float,
        Meta(ge=0, le=60, description="Seconds that a face is covered after it was last found."),
    ] = 1.5
    stall_ms: Annotated[
        int,
        Meta(
            ge=50,
            le=60_000,
            description="Milliseconds without an answer from the face model until whole frames are"
            " covered.",
        ),
    ] = 500
    mask_every_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=60_000,
            description="Milliseconds between two looks at the mask of a face that is decided.",
        ),
    ] = 250
    jpeg_quality: Annotated[
        int, Meta(ge=1, le=100, description="JPEG quality of the blurred pictures.")
    ] = 80
    events_path: Annotated[
        str | None,
        Meta(
            description="File that events are kept in; empty: in memory alone; unset:"
            " lintel/events.jsonl in the folder for state, ~/.local/state as a rule."
        ),
    ] = None
    max_events: Annotated[
        int, Meta(ge=10, le=100_000, description="Events that are kept; the oldest go first.")
    ] = 2000
